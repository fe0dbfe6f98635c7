import { fillIn } from '../../base/fault-words.ts'
import type { Hop } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { PATIENCE_MS, SLOW_MS, type WaitStep } from '../../base/patience.ts'
import { shortageText } from '../../base/shortage.ts'
import { seconds } from '../../base/span.ts'
import type { TcpFacts } from '../../probe/tcp.ts'
import { type Judged, unknown } from '../check.ts'
import type { Facts, OtherTcp } from '../facts.ts'
import type { AppTarget, Patient, PatientRole } from '../patient.ts'

/** The systemd service of a role. */
export function unitOf(role: PatientRole): string {
  return `backstitch-${role}`
}

/** A server is control plane and edge; on its machine it is looked at as the edge that it is to everybody. */
export function hopOfRole(role: PatientRole): Hop {
  return role === 'server' ? 'edge' : role
}

export function edgeWords({ edge }: Patient): string {
  return edge === undefined ? 'the edge' : hostPort(edge)
}

/** One attempt as evidence: `10.0.0.1:443 ECONNREFUSED after 2 ms, next hop 10.9.0.1 answers`. */
export function attemptText({ address, port, is, errno, tookMs, nextHop }: TcpFacts): string {
  const where = hostPort({ host: address, port })
  if (is === 'open') return `${where} connected in ${tookMs} ms`
  const what = is === 'silent' ? `no answer in ${seconds(tookMs)}` : `${errno} after ${tookMs} ms`
  return `${where} ${what}${nextHop === undefined ? '' : `, next hop ${nextHop}`}`
}

/** What became of an address of another source, and whose word it is. */
export function otherText(other: OtherTcp): string {
  return `${attemptText(other)} (${other.source})`
}

/** Where this machine had no port, descriptor or memory to try with, nobody out there has said anything. */
export function notTried(attempts: readonly TcpFacts[]): Judged {
  const own = attempts.find(({ is }) => is === 'unasked')
  if (own?.errno === undefined || attempts.some(({ is }) => is === 'open')) return undefined
  return unknown(
    `${hostPort({ host: own.address, port: own.port })} was not tried: ${shortageText(own.errno)}`,
  )
}

/** Of a step that ended well: that it was slow, and how slow; else nothing. */
export function slowly(step: WaitStep, tookMs: number): string | undefined {
  return tookMs < SLOW_MS ? undefined : `${seconds(tookMs)}, ${theDaemonWaits(step)}`
}

/** Where we gave up before the daemon does: then silence here proves no silence there. */
export function gaveUpEarly(step: WaitStep, tookMs: number, known: Facts['known']): string | undefined {
  const { fault, lastFault } = known.daemon ?? {}
  const isMet = SILENCES.has(fault?.code ?? lastFault?.code ?? '')
  return isMet || tookMs >= PATIENCE_MS[step] - 500
    ? undefined
    : `slow or silent: no answer in ${seconds(tookMs)}; ${theDaemonWaits(step)}`
}

/** Less than this is no look at all: what went before was slow, and took the time of what follows. */
const A_LOOK_MS = 4000

/** What is to be said of a silence that was hardly waited for; nothing where it was. */
export function hardlyWaited(step: WaitStep, tookMs: number, known: Facts['known']): Judged {
  const early = tookMs < A_LOOK_MS - 500 ? gaveUpEarly(step, tookMs, known) : undefined
  return early === undefined ? undefined : unknown(early)
}

const SILENCES: ReadonlySet<string> = new Set([
  ...[
    'RESOLVER_UNREACHABLE',
    'EGRESS_BLOCKED',
    'PROXY_UNREACHABLE',
    'HANDSHAKE_TIMEOUT',
    'CONTROL_UNREACHABLE',
  ],
])

export function theDaemonWaits(step: WaitStep): string {
  return `the daemon waits ${seconds(PATIENCE_MS[step])}`
}

/** The command that shows whether the daemon is up, and the line it shows: with its beginning, for one is disconnected, too. */
export function verifyConnected({ role, stateDir }: Patient): { run: string; expect: string } {
  if (role === 'edge')
    return { run: `backstitch status --state ${stateDir}`, expect: 'edge         connected' }
  return role === 'connector'
    ? { run: `backstitch status --state ${stateDir}`, expect: '✓ 5 control channel up' }
    : { run: `backstitch client status --state ${stateDir}`, expect: 'client       connected' }
}

/** The command that shows that the key was exchanged, and the line it shows. */
export function verifyEnrolled(patient: Patient): { run: string; expect: string } {
  if (patient.role === 'edge') return verifyConnected(patient)
  return { run: `backstitch status --state ${patient.stateDir}`, expect: '✓ 4 key exchanged for certificate' }
}

/** The command that makes a key where one is wanted. */
export function newKey(patient: Patient): string {
  return `backstitch key create ${keyWords(patient)} > ${patient.keyFile ?? 'KEYFILE'}`
}

/** For whom a key is made, as the flag that says so. */
export function keyWords({ role, group }: Pick<Patient, 'role' | 'group'>): string {
  return role === 'edge' ? '--edge NAME' : fillIn('--group GROUP', { GROUP: group })
}

/** As it is typed: `HOST:PORT`, with `/udp` where it takes datagrams only. */
export function appText(app: Pick<AppTarget, 'host' | 'port' | 'protocol'>): string {
  return app.protocol === 'udp' ? `${hostPort(app)}/udp` : hostPort(app)
}

/** The command line that asks the doctor again, so that "fixed" can be told from "changed". */
export function askAgain({ role, stateDir, app, edge, pin }: Patient): string {
  const about =
    app === undefined ? [] : [`--app ${appText(app)}`, ...app.networks.map((one) => `--network ${one}`)]
  const ports = app?.ports?.map(([from, to]) => (from === to ? from : `${from}-${to}`)) ?? []
  const within = ports.length > 0 ? [`--ports ${ports.join(',')}`] : []
  // As it was asked: about another edge, or another pin, the answer would be another.
  const byHand = edge?.source === 'flag --edge' ? ['--edge', hostPort(edge)] : []
  const pinned = byHand.length > 0 && pin !== undefined ? ['--pin', pin.toString('hex')] : []
  return ['backstitch', 'doctor', role, '--state', stateDir, ...byHand, ...pinned, ...about, ...within].join(
    ' ',
  )
}

/** For what shows in no other command: the doctor finds nothing any more. */
export function verifyHealthy(patient: Patient): { run: string; expect: string } {
  return { run: askAgain(patient), expect: 'healthy: every hop' }
}

/** Three ways out of a path that is narrower than both ends think; each is enough. */
export function mtuFix(mtu: number, device = 'INTERFACE'): string[] {
  return [
    `ip link set dev ${device} mtu ${mtu}`,
    'or, at the gateway: nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu',
    'let ICMP "fragmentation needed" and "packet too big" pass',
  ]
}
