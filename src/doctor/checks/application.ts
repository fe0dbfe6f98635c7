import net from 'node:net'
import { rfc3339 } from '../../base/clock.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Stall } from '../../probe/stalls.ts'
import type { TcpFacts } from '../../probe/tcp.ts'
import { blind, type Check, check, type Failure, fail, type Judged, pass, unknown } from '../check.ts'
import type { AppFacts, Facts } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { isWithinNetwork } from './addresses.ts'
import { answeredNo, nameNotAsked, noNameCause, overriding, resolverFailure, serverText } from './names.ts'
import { answering, asksResolver, givenBy, keptBy, sourcesText } from './other-way.ts'
import { whyLost } from './return-path.ts'
import { attemptText, hopOfRole, mtuFix, notTried, otherText, slowly, verifyHealthy } from './words.ts'

/** Whoever dials it looks at it: a client has sessions to it, and knows of the last mile what those tell. */
const isBesideIt = ({ patient }: Facts): boolean => patient.app !== undefined && patient.role !== 'client'

const isTcpBesideIt = (facts: Facts): boolean => isBesideIt(facts) && facts.patient.app?.protocol !== 'udp'

/** What every path takes. */
const MIN_MTU = 1280

export const appName: Check = check({
  name: 'app-name',
  title: "the application's name",
  hop: 'dns',
  applies: isBesideIt,
  needs: ['app', 'resolvers'],
  after: ['link', 'resolver-file', 'resolver'],
  judge: ({ app, resolvers }, { patient }) => {
    const { name } = app
    const own = nameNotAsked(name)
    if (own !== undefined) return own
    if (net.isIP(name.name) !== 0) return pass(name.name)
    const verify = { run: `getent ahosts ${name.name}`, expect: 'STREAM' }
    const seen = [
      ...name.servers.map(serverText),
      `getaddrinfo: ${name.errno ?? name.addresses.join(', ')}`,
      ...sourcesText(name),
    ]
    const expected = `an address for ${name.name}`
    if (name.addresses.length > 0)
      return (
        wrongView(app, seen, patient) ??
        overridden(app, seen, patient) ??
        pass([`${name.name} is ${name.addresses.join(', ')}`, ...sourcesText(name)].join('; '))
      )
    const way = keptBy(name, resolvers)
    const knows = name.servers.find(({ addresses }) => addresses.length > 0)
    if (way !== undefined && (knows || !asksResolver(name))) {
      const cause = knows ? `${way.who} The resolver ${knows.server} knows ${name.name}.` : way.who
      return fail('APP_NAME_NXDOMAIN', { expected, seen, verify, cause, fix: way.fix })
    }
    if (!answeredNo(name)) {
      const { cause, fix } = resolverFailure(name, resolvers, patient)
      return fail('APP_RESOLVER_DOWN', { expected, seen, verify, cause, fix })
    }
    return fail('APP_NAME_NXDOMAIN', {
      expected,
      seen,
      verify,
      cause: noNameCause(name),
      fix: [
        `add a record for ${name.name} to its zone`,
        `or configure a resolver that knows the zone in ${resolvers.path}`,
        `dig +short ${name.name} @INTERNAL-RESOLVER`,
      ],
    })
  },
})

/** An answer of the outside where the inside was meant: by the networks expected, or because resolvers disagree. */
function wrongView({ name, target }: AppFacts, seen: string[], patient: Patient): Judged {
  const { networks } = target
  const outside = networks.length > 0 && !name.addresses.some((address) => isWithinNetwork(address, networks))
  const knows = name.servers.find(
    ({ addresses }) => networks.length > 0 && addresses.some((one) => isWithinNetwork(one, networks)),
  )
  if (!outside) return undefined
  return fail('APP_NAME_WRONG_VIEW', {
    expected: `an address of ${networks.join(', ')} for ${name.name}`,
    seen,
    cause: knows
      ? `Only the resolver ${knows.server} returns the internal address, but another one is queried first.`
      : "This connector's resolver returns an address from another DNS view.",
    fix: [
      knows
        ? `put ${knows.server} first in /etc/resolv.conf`
        : 'configure the resolver of the internal view in /etc/resolv.conf',
    ],
    verify: verifyHealthy(patient),
  })
}

/** It is not reached where programs here look for it, and is there by another source. */
function overridden({ name, attempts, others }: AppFacts, seen: string[], patient: Patient): Judged {
  if (attempts.some(({ is }) => is === 'open')) return undefined
  const way = givenBy(name)
  if (way?.isOtherName) {
    return fail('APP_NAME_NXDOMAIN', {
      expected: `an address for ${name.name}`,
      seen: [...seen, ...attempts.map(attemptText)],
      cause: `${way.who} ${name.addresses.join(', ')}, where nothing answers.`,
      fix: way.fix,
      verify: verifyHealthy(patient),
    })
  }
  const other = answering(others)
  if (other === undefined) return undefined
  return fail('APP_NAME_WRONG_VIEW', {
    expected: `the application's address for ${name.name}`,
    seen: [...seen, ...attempts.map(attemptText), otherText(other)],
    ...overriding({ name, other, way, here: 'where nothing answers' }),
    verify: verifyHealthy(patient),
  })
}

export const appAddress: Check = check({
  name: 'app-address',
  title: "the application's address",
  hop: 'dns',
  applies: isBesideIt,
  needs: ['app'],
  after: ['app-name'],
  judge: ({ app: { name, refused, target } }, { patient }) => {
    // As in a session, one that may be dialled is enough.
    if (refused.length === 0 || refused.length < name.addresses.length)
      return pass(net.isIP(target.host) === 0 ? 'an address a segment may contain' : 'given as an address')
    return fail('ADDRESS_FORBIDDEN', {
      hop: 'dns',
      expected: `an address in the application's network for ${name.name}`,
      seen: name.servers.map(serverText).concat(`getaddrinfo: ${name.addresses.join(', ')}`),
      cause: `A connector may not connect to any of them: ${refused.map(({ address, why }) => `${address} ${why}`).join(', ')}.`,
      fix: [
        `correct the record of ${name.name}`,
        'or, if it is intended, add that network to addressCidrs of the segment (to cidrs, if users enter the address)',
      ],
      verify: verifyHealthy(patient),
    })
  },
})

export const appPort: Check = check({
  name: 'app-port',
  title: 'TCP to the application',
  hop: 'application',
  applies: isTcpBesideIt,
  needs: ['app'],
  after: ['security-policy', 'link', 'app-address'],
  judge: ({ app }, { patient }) => {
    const open = app.attempts.find(({ is }) => is === 'open')
    if (open !== undefined) return pass(attemptText(open), slowly('application', open.tookMs))
    if (app.attempts.length === 0) return unknown('no address to try')
    return notTried(app.attempts) ?? closed(app, patient)
  },
})

function closed(
  { name, attempts, others = [], neighbours, target, returnPath, ping }: AppFacts,
  patient: Patient,
): Judged {
  const where = hostPort(target)
  const open = neighbours.filter(({ is }) => is === 'open')
  const inSegment = ({ port }: TcpFacts) =>
    target.ports?.some(([from, to]) => from <= port && port <= to) ?? false
  const sibling = open.find(inSegment)
  const other = sibling === undefined ? open[0] : undefined
  const asWell = sibling && `port ${sibling.port}, also in the segment, answers: use that one`
  const seen = [
    ...attempts.map(attemptText),
    ...open.map(attemptText),
    ...sourcesText(name),
    ...others.map(otherText),
  ]
  const verify = { run: `nc -zv -w 4 ${target.host} ${target.port}`, expect: 'succeeded' }
  const common = { expected: `a connection to ${where}`, seen, verify }
  const [first] = attempts
  if (other !== undefined) {
    return fail('SEGMENT_PORT_MISMATCH', {
      ...common,
      cause: `Nothing answers on port ${target.port}, but the application answers on ${other.port}.`,
      fix: [
        `let the application listen on ${target.port}`,
        `or declare port ${other.port} in the segment (backstitch describe segment SEGMENT), and use that one`,
      ],
      verify: verifyHealthy(patient),
    })
  }
  if (attempts.some(({ is }) => is === 'refused')) {
    return fail('APP_REFUSED', {
      ...common,
      cause: `The machine is up and refuses the connection: nothing is listening on port ${target.port}, or a firewall rejects it.`,
      fix: [
        ...(asWell ? [asWell] : []),
        `on the application's machine: ss -ltn 'sport = :${target.port}'`,
        'start the application',
      ],
    })
  }
  if (returnPath !== undefined) {
    const { address, port } = first!
    const self = hopOfRole(patient.role)
    const side = 'the application'
    const at = { side, address, port, self, hop: 'application', silent: 'APP_TIMEOUT' } as const
    const { fault, seen: lost, ...why } = whyLost(returnPath, at)
    return fail(fault, { ...common, ...why, seen: [...seen, ...lost] })
  }
  if (attempts.some(({ is }) => is === 'silent' || is === 'prohibited')) {
    const forbidden = attempts.some(({ is }) => is === 'prohibited')
    const isThere = !forbidden && ping?.throughBytes !== undefined
    return fail(forbidden ? 'APP_UNREACHABLE' : 'APP_TIMEOUT', {
      ...common,
      seen: [...seen, isThere ? `its machine is up: ${ping!.saw}` : ''],
      cause: forbidden
        ? 'Blocked by a firewall on the path: ICMP administratively prohibited.'
        : isThere
          ? `The machine is up, but port ${target.port} does not answer: a firewall drops the packets, or the application accepts no connections and its queue is full.`
          : 'The first packet gets no answer: a firewall drops it, or the machine is off.',
      fix: [
        ...(asWell ? [asWell] : []),
        ...(isThere
          ? [
              `on the application's machine: ss -ltn 'sport = :${target.port}' (if Recv-Q exceeds Send-Q, it is stuck: restart it)`,
            ]
          : []),
        `allow TCP from this connector to ${first!.address} port ${target.port}`,
      ],
    })
  }
  return fail('APP_UNREACHABLE', {
    ...common,
    cause: 'This address is unreachable from here.',
    fix: [
      `find which router it is sent by, or that there is no route: ip route get ${first!.address}`,
      `then, on this machine or on that router: ip route add ${first!.address} via GATEWAY`,
    ],
  })
}

/** Without a word of ours it is asked nothing that it could refuse: whoever ends the connection then wants nobody. */
export const appAnswer: Check = check({
  name: 'app-answer',
  title: 'what the application does with a connection',
  hop: 'application',
  applies: isTcpBesideIt,
  needs: ['app'],
  after: ['app-port'],
  judge: ({ app: { attempts, hungUp, keeps, target } }, { patient }) => {
    if (keeps) return pass('it keeps the connection open')
    if (hungUp === undefined) {
      return attempts.some(({ is }) => is === 'open')
        ? blind('a second connection failed, so its behaviour was not tested')
        : unknown('no connection was established')
    }
    const { address, port, afterMs, errno } = hungUp
    const end = errno === undefined ? 'closed cleanly by it' : errno
    return fail(errno === undefined ? 'APP_HUNG_UP' : 'APP_RESET', {
      expected: `an application at ${hostPort(target)} that waits for a request, or sends a greeting`,
      seen: [`${hostPort({ host: address, port })} connected, ${end} after ${afterMs} ms, no byte received`],
      cause:
        'Every connection is accepted and then closed before any request: the application rejects connections from here, or something it depends on is down.',
      fix: [
        "check the application's log and its list of allowed addresses",
        `curl -v http://${hostPort(target)}/`,
      ],
      verify: verifyHealthy(patient),
    })
  },
})

export const appTls: Check = check({
  name: 'app-tls',
  title: "the application's certificate",
  hop: 'application',
  applies: isTcpBesideIt,
  needs: ['app'],
  after: ['clock', 'app-port', 'app-answer'],
  judge: ({ app: { attempts, tls, tlsUnseen, target } }, { nowMs, patient }) => {
    if (tls === undefined) {
      const open = attempts.some(({ is }) => is === 'open')
      return open && tlsUnseen !== undefined ? unknown(`no certificate was seen: ${tlsUnseen}`) : undefined
    }
    const until = tls.validMs && `valid until ${rfc3339(tls.validMs[1])}`
    if (tls.fits)
      return (
        notNow(target, tls, nowMs, patient) ??
        pass(['has', target.host, until].filter(Boolean).join(' '), slowly('applicationTls', tls.tookMs ?? 0))
      )
    // About the name alone: whether the chain is trusted is the affair of the programs that connect.
    const run = `openssl s_client -connect ${hostPort(target)} -servername ${target.host} </dev/null 2>/dev/null | openssl x509 -noout -checkhost ${target.host}`
    return fail('APP_TLS_NAME', {
      expected: `a certificate for ${target.host}`,
      seen: [`subject=${tls.subject}`, `names: ${tls.names || 'none'}`],
      cause: `The certificate presented for ${target.host} does not contain that name, so programs reject it.`,
      fix: [
        `add ${target.host} to the certificate`,
        'or use a name it contains, and declare that name in the segment',
      ],
      verify: { run, expect: 'does match certificate' },
    })
  },
})

/** It has ended, or has not begun: programs refuse it as they do one of another name. */
function notNow(
  target: AppFacts['target'],
  { subject, validMs }: NonNullable<AppFacts['tls']>,
  nowMs: number,
  patient: Patient,
): Failure | undefined {
  if (validMs === undefined || nowMs === 0) return undefined
  const [fromMs, toMs] = validMs
  if (fromMs <= nowMs && nowMs <= toMs) return undefined
  const ended = toMs < nowMs
  const run = `openssl s_client -connect ${hostPort(target)} -servername ${target.host} </dev/null 2>/dev/null | openssl x509 -noout -checkend 0`
  return fail('APP_CERT_EXPIRED', {
    expected: `a certificate for ${target.host} that is currently valid`,
    seen: [
      `subject=${subject}`,
      `valid from ${rfc3339(fromMs)} to ${rfc3339(toMs)}; the time here is ${rfc3339(nowMs)}`,
    ],
    cause: ended
      ? `The certificate presented for ${target.host} expired at ${rfc3339(toMs)}, so programs reject it.`
      : `The certificate presented for ${target.host} is not valid before ${rfc3339(fromMs)}, so programs reject it.`,
    fix: ended
      ? [
          `renew the certificate of ${target.host}`,
          'if its machine already has a renewed one: reload the application, which still presents the old one',
        ]
      : [
          `correct the clock of the machine that issued the certificate, and reissue the one for ${target.host}`,
          `or wait until ${rfc3339(fromMs)}`,
        ],
    // What has not begun "will not expire" either.
    verify: ended ? { run, expect: 'Certificate will not expire' } : verifyHealthy(patient),
  })
}

export const appMtu: Check = check({
  name: 'app-mtu',
  title: 'large packets to the application',
  hop: 'application',
  applies: isBesideIt,
  needs: ['app'],
  after: ['app-port'],
  judge: ({ app: { ping, stalls = [] } }, { patient }) => {
    const [stall] = stalls
    if (stall !== undefined) return stalled(stall, stalls, patient)
    if (ping === undefined)
      return blind('ping is not installed here, or this user may not use it: no size was tested')
    const { throughBytes, lostBytes, toldMtu, address, saw } = ping
    if (throughBytes === undefined) return unknown("the application's machine does not answer ping")
    if (lostBytes === undefined) return pass(`${throughBytes} bytes pass`)
    // Whoever is told the limit keeps to it; only a loss in silence stops transfers.
    if (toldMtu !== undefined) return pass(`${toldMtu} bytes pass, and senders are told the limit`)
    return fail('PATH_MTU', {
      hop: 'application',
      expected: `packets of 1500 bytes pass to ${address}, or the sender is told the limit`,
      seen: [saw, `${throughBytes} bytes pass, ${lostBytes} are silently dropped`],
      cause: `The path to the application silently drops packets over ${throughBytes} bytes: large transfers stall.`,
      fix: mtuFix(throughBytes, ping.via),
      verify: verifyHealthy(patient),
    })
  },
})

/** No echo comes back at any size, so TCP is asked: the port opened just now, and what is sent on open ones is lost. */
function stalled(stall: Stall, stalls: readonly Stall[], patient: Patient): Failure {
  return fail('PATH_MTU', {
    hop: 'application',
    expected: `packets of ${stall.packetBytes} bytes acknowledged by ${stall.peer}`,
    seen: [
      ...stalls.map(({ saw }) => saw),
      'a new connection to it opens, but no ping of any size is answered',
    ],
    cause: `The application accepts connections, but packets of up to ${stall.packetBytes} bytes to it are retransmitted again and again: large ones are lost on the path.`,
    fix: mtuFix(MIN_MTU, stall.via),
    verify: verifyHealthy(patient),
  })
}
