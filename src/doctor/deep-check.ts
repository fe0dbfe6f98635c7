/**
 * The part of the last mile that a connection which stands does not show, for a connector to ask now and then.
 *
 * @module
 */
import net from 'node:net'
import { Fault } from '../base/faults.ts'
import { hostPort } from '../base/host-port.ts'
import { certificateOf, lookAtPathBriefly } from './application-look.ts'
import { appTls } from './checks/app-tls.ts'
import { appMtu } from './checks/application.ts'
import { diagnose } from './diagnose.ts'
import type { AppFacts } from './facts.ts'
import type { Patient } from './patient.ts'

const CHECKS = [appTls, appMtu]
const MIN_MTU = 1280

/**
 * @param at.nowMs By the clock of the server, as far as it is known.
 * @param at.address Where a session to `host` would connect to.
 */
export async function deepCheck(
  patient: Patient,
  { host, port, address, nowMs }: { host: string; port: number; address: string; nowMs: number },
  signal: AbortSignal,
): Promise<Fault | undefined> {
  // Who goes by address does not ask for a name in a certificate.
  const named = net.isIP(host) === 0
  const [tls, path] = await Promise.all([
    named ? certificateOf({ host }, { address, port }, signal) : undefined,
    lookAtPathBriefly({ address, port }, signal),
  ])
  return judgeDeepCheck(patient, { host, port, address, nowMs, ...path, tls: tls?.tls })
}

/** Pure. @returns APP_TLS_NAME, APP_CERT_EXPIRED or PATH_MTU, with what was seen, what to do and how to ask again. */
export function judgeDeepCheck(
  patient: Patient,
  seen: Pick<AppFacts, 'tls' | 'ping' | 'stalls'> & {
    host: string
    port: number
    address: string
    nowMs?: number
  },
): Fault | undefined {
  const { host, port, address, tls, stalls } = seen
  // Where not even the least packet of IPv6 passes, somebody filters echoes, more likely than that there is such a path.
  const ping = (seen.ping?.throughBytes ?? MIN_MTU) < MIN_MTU ? undefined : seen.ping
  const target = { host, port, networks: [] }
  const name = { name: host, addresses: [address], tookMs: 0, servers: [] }
  const app: AppFacts = { target, name, refused: [], attempts: [], neighbours: [], tls, ping, stalls }
  const { roots } = diagnose(CHECKS, {
    patient: { ...patient, app: target },
    nowMs: seen.nowMs ?? 0,
    known: { app },
    unknown: {},
    pending: new Set(),
  })
  const [root] = roots
  if (root === undefined) return undefined
  const { fault, cause, seen: saw, fix, verify } = root.verdict
  return new Fault(fault, `${hostPort(target)}: ${cause}`, {
    hop: root.hop,
    seen: { saw, fix, verify: verify.run },
  })
}
