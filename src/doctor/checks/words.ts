import type { Hop } from '../../base/faults.ts'
import { hostPort } from '../../link/egress.ts'
import type { TcpFacts } from '../../probe/tcp.ts'
import type { Patient, PatientRole } from '../facts.ts'

/** The systemd service of a role. */
export function unitOf(role: PatientRole): string {
  return `backstitch-${role}`
}

/** A server is control plane and edge; on its machine it is looked at as the edge that it is to everybody. */
export function hopOfRole(role: PatientRole): Hop {
  return role === 'server' ? 'edge' : role
}

export function edgeText({ edge }: Patient): string {
  return edge === undefined ? 'the edge' : hostPort(edge)
}

/** One attempt as evidence: `10.0.0.1:443 ECONNREFUSED after 2 ms, next hop 10.9.0.1 answers`. */
export function attemptText({ address, port, is, errno, tookMs, nextHop }: TcpFacts): string {
  const where = hostPort({ host: address, port })
  if (is === 'open') return `${where} connected in ${tookMs} ms`
  const what = is === 'silent' ? `no answer in ${seconds(tookMs)}` : `${errno} after ${tookMs} ms`
  return `${where} ${what}${nextHop === undefined ? '' : `, next hop ${nextHop}`}`
}

export function seconds(ms: number): string {
  const value = Math.abs(ms) / 1000
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} s`
}

/** A difference a person can picture: `312 s`, `52 min`, `2 days`. */
export function span(ms: number): string {
  const abs = Math.abs(ms)
  if (abs < 600_000) return seconds(ms)
  if (abs < 2 * 3_600_000) return `${Math.round(abs / 60_000)} min`
  if (abs < 2 * 86_400_000) return `${Math.round(abs / 3_600_000)} hours`
  return `${Math.round(abs / 86_400_000)} days`
}

/** The command that shows whether the daemon is up, and the line it shows. */
export function verifyConnected({ role, stateDir }: Patient): { run: string; expect: string } {
  if (role === 'edge') return { run: `backstitch status --state ${stateDir}`, expect: 'connected, version' }
  return role === 'connector'
    ? { run: `backstitch status --state ${stateDir}`, expect: '✓ 5 control channel up' }
    : { run: 'backstitch client status', expect: 'client  connected' }
}

/** The command that shows that the key was exchanged, and the line it shows. */
export function verifyEnrolled(patient: Patient): { run: string; expect: string } {
  if (patient.role === 'edge') return verifyConnected(patient)
  return { run: `backstitch status --state ${patient.stateDir}`, expect: '✓ 4 key exchanged for certificate' }
}

/** The command that makes a key where one is wanted. */
export function newKey({ role, keyFile = 'KEYFILE' }: Patient): string {
  return `backstitch key create ${keyFor(role)} > ${keyFile}`
}

/** For whom a key is made, as the flag that says so. */
export function keyFor(role: PatientRole): string {
  return role === 'edge' ? '--edge EDGE' : '--group GROUP'
}

/** The command line that asks the doctor again, so that "fixed" can be told from "changed". */
export function askAgain({ role, stateDir, app }: Patient): string {
  const about =
    app === undefined ? [] : [`--app ${hostPort(app)}`, ...app.networks.map((one) => `--network ${one}`)]
  const ports = app?.ports?.map(([from, to]) => (from === to ? from : `${from}-${to}`)) ?? []
  const within = ports.length > 0 ? [`--ports ${ports.join(',')}`] : []
  return ['backstitch', 'doctor', role, '--state', stateDir, ...about, ...within].join(' ')
}

/** For what shows in no other command: the doctor finds nothing any more. */
export function verifyHealthy(patient: Patient): { run: string; expect: string } {
  return { run: askAgain(patient), expect: 'healthy: every hop' }
}

/** Three ways out of a path that is narrower than both ends think; each is enough. */
export function mtuFix(mtu: number): string[] {
  return [
    `ip link set dev INTERFACE mtu ${mtu}`,
    'or, at the gateway: nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu',
    'let ICMP "fragmentation needed" and "packet too big" pass',
  ]
}
