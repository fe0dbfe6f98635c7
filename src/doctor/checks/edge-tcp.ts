import { isIPv4 } from 'node:net'
import { hostPort } from '../../base/host-port.ts'
import type { TcpFacts } from '../../probe/tcp.ts'
import { type Check, check, type Failure, fail, type Judged, pass } from '../check.ts'
import type { Facts, TcpWay } from '../facts.ts'
import { whyDropped } from './declined.ts'
import { noRoute, routerGone } from './no-route.ts'
import { sourcesText } from './other-way.ts'
import { isProxied } from './proxy.ts'
import { whyLost } from './return-path.ts'
import {
  attemptText,
  edgeWords,
  gaveUpEarly,
  hardlyWaited,
  hopOfRole,
  notTried,
  otherText,
  slowly,
  verifyConnected,
  verifyHealthy,
} from './words.ts'

export const edgeTcp: Check = check({
  name: 'edge-tcp',
  title: 'TCP to the edge',
  hop: 'edge',
  needs: ['tcp'],
  uses: ['denials', 'daemon'],
  after: ['security-policy', 'link', 'edge-name', 'proxy-setting'],
  applies: (facts) => !isProxied(facts),
  judge: ({ tcp }, facts) => {
    const open = tcp.attempts.find(({ is }) => is === 'open')
    if (open !== undefined) return pass(attemptText(open), slowly('dial', open.tookMs))
    const own = notTried(tcp.attempts)
    if (own !== undefined) return own
    return proxyRequired(tcp, facts) ?? answersLost(tcp, facts) ?? portBlocked(tcp) ?? notReached(tcp, facts)
  },
})

function proxyRequired(tcp: TcpWay, { patient }: Facts): Failure | undefined {
  const proxy = tcp.proxies.find(({ takesUs }) => takesUs)
  if (proxy === undefined) return undefined
  const at = hostPort(proxy)
  return fail('PROXY_REQUIRED', {
    expected: `a connection to ${edgeWords(patient)}`,
    seen: [
      ...tcp.attempts.map(attemptText),
      'effective proxy: none',
      `proxy ${at}, named by ${proxy.source}: ${proxy.saw}`,
    ],
    cause: `Direct connections do not get out of this network; the proxy ${at} would accept them but is not configured.`,
    fix: [`echo '${at}' > ${patient.proxyFile}`],
    verify: verifyConnected(patient),
  })
}

/** What is sent arrives: no firewall on the way out is to blame. */
function answersLost(tcp: TcpWay, { patient }: Facts): Failure | undefined {
  const silent = tcp.attempts.find(({ is }) => is === 'silent')
  if (tcp.returnPath === undefined || silent === undefined) return undefined
  const { address, port } = silent
  const self = hopOfRole(patient.role)
  const where = { side: 'the edge', address, port, self, hop: 'edge', silent: 'EGRESS_BLOCKED' } as const
  const { fault, seen, ...why } = whyLost(tcp.returnPath, where)
  return fail(fault, {
    ...why,
    expected: `a connection to ${edgeWords(patient)}`,
    seen: [...tcp.attempts.map(attemptText), ...seen],
    verify: { run: `nc -zv -w 4 ${tcp.host} ${port}`, expect: 'succeeded' },
  })
}

function portBlocked(tcp: TcpWay): Failure | undefined {
  const through = tcp.port443?.find(({ is }) => is === 'open')
  if (through === undefined) return undefined
  const { port } = tcp.attempts[0]!
  return fail('CONTROL_PORT_BLOCKED', {
    expected: `a connection to port ${port} of ${tcp.host}`,
    seen: [...tcp.attempts.map(attemptText), attemptText(through)],
    cause: `The firewall on the path allows port 443 of the edge and blocks port ${port}.`,
    fix: [`allow outbound TCP from this machine to ${addressesOf(tcp)} port ${port}`],
    verify: { run: `nc -zv -w 4 ${tcp.host} ${port}`, expect: 'succeeded' },
  })
}

function addressesOf({ attempts }: TcpWay): string {
  return attempts.map(({ address }) => address).join(', ')
}

function notReached(tcp: TcpWay, { patient, known }: Facts): Judged {
  const has = (...kinds: TcpFacts['is'][]) => tcp.attempts.some(({ is }) => kinds.includes(is))
  const { port } = tcp.attempts[0]!
  const addresses = addressesOf(tcp)
  const common = {
    expected: `a connection to ${edgeWords(patient)}`,
    seen: [
      ...tcp.attempts.map(attemptText),
      ...reachable(tcp, known),
      ...(known.edgeName === undefined ? [] : sourcesText(known.edgeName)),
      ...(tcp.others ?? []).map(otherText),
    ],
    verify: { run: `nc -zv -w 4 ${tcp.host} ${port}`, expect: 'succeeded' },
  }
  if (has('prohibited')) {
    return fail('EGRESS_REJECTED', {
      ...common,
      cause: 'Blocked by a firewall on the path: ICMP administratively prohibited.',
      fix: [`allow outbound TCP from this machine to ${addresses} port ${port}`],
    })
  }
  // A kernel that refuses says ECONNREFUSED: this one had stood, and was reset before the program here heard of it.
  if (tcp.attempts.some(({ errno }) => errno === 'ECONNRESET'))
    return fail('EDGE_UNREACHABLE', {
      ...common,
      ...whyDropped(edgeWords(patient)),
      verify: verifyHealthy(patient),
    })
  if (has('refused')) {
    return fail('EGRESS_REJECTED', {
      ...common,
      cause: `The connection is refused at once: no edge is listening on port ${port} there, or a firewall rejects it.`,
      fix: [
        `on the edge's machine: ss -ltn 'sport = :${port}'`,
        `allow outbound TCP from this machine to ${addresses} port ${port}`,
      ],
    })
  }
  if (has('silent')) {
    const [{ tookMs }] = tcp.attempts as [TcpFacts]
    const hardly = hardlyWaited('dial', tookMs, known)
    if (hardly !== undefined) return hardly
    const early = gaveUpEarly('dial', tookMs, known)
    return fail('EGRESS_BLOCKED', {
      ...common,
      seen: [...common.seen, early ?? ''],
      cause: 'The first packet gets no answer: a firewall on the path drops it.',
      fix: [
        `allow outbound TCP from this machine to ${addresses} port ${port}`,
        `or, if this network has a proxy: echo 'PROXY:PORT' > ${patient.proxyFile}`,
      ],
    })
  }
  return fail('EDGE_UNREACHABLE', { ...common, ...whyUnreachable(tcp, common.seen) })
}

/** The kernel of this machine, or a router, knows no route; or the last router finds nobody. */
function whyUnreachable(tcp: TcpWay, seen: readonly string[]): Pick<Failure, 'cause' | 'fix' | 'seen'> {
  const lost = tcp.attempts.find(({ errno }) => errno === 'ENETUNREACH')
  const [{ address }] = tcp.attempts as [TcpFacts]
  const router = deadRouter(tcp)
  if (router !== undefined) return { seen, ...routerGone(router, 'the edge') }
  if (lost?.nextHop !== undefined) {
    return {
      seen,
      cause: 'A router on the path reports that it has no route to this address.',
      fix: [`on the router that answers, or the one behind it: ip route get ${lost.address}`],
    }
  }
  if (lost !== undefined && isIPv4(lost.address)) {
    return {
      seen: [...seen, `this machine has no route to ${lost.address}: no packet leaves it`],
      ...noRoute('the edge'),
    }
  }
  return {
    seen,
    cause: 'This address is unreachable: there is no route from here, or no machine has it.',
    fix: [
      `find which router it is sent by, or that there is no route: ip route get ${address}`,
      `then, on this machine or on that router: ip route add ${address} via GATEWAY`,
    ],
  }
}

/** Nobody on this network has its address: the kernel asked for three seconds. */
function deadRouter({ attempts }: TcpWay): string | undefined {
  const lost = attempts.find(({ is, errno }) => is === 'unreachable' && errno === 'EHOSTUNREACH')
  const hop = /^(\S+) does not answer$/.exec(lost?.nextHop ?? '')?.[1]
  return hop === lost?.address ? undefined : hop
}

/** What does answer, so that "the network is down" is said only when it is. */
function reachable(tcp: TcpWay, known: Facts['known']): string[] {
  const servers =
    known.edgeName?.servers.filter(({ said }) => !/^(timeout|unknown|not a name|E[A-Z])/.test(said)) ?? []
  const proxies = tcp.proxies.map(
    ({ source, saw, ...at }) => `proxy ${hostPort(at)}, named by ${source}: ${saw}`,
  )
  return [...servers.map(({ server }) => `the resolver ${server} answers`), ...proxies]
}
