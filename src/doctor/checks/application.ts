import { hostPort } from '../../base/host-port.ts'
import type { Stall } from '../../probe/stalls.ts'
import type { TcpFacts } from '../../probe/tcp.ts'
import { blind, type Check, check, type Failure, fail, type Judged, pass, unknown } from '../check.ts'
import type { AppFacts } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { isBesideIt, isTcpBesideIt } from './beside-app.ts'
import { sourcesText } from './other-way.ts'
import { whyLost } from './return-path.ts'
import { attemptText, hopOfRole, mtuFix, notTried, otherText, slowly, verifyHealthy } from './words.ts'

/** What every path takes. */
const MIN_MTU = 1280

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
