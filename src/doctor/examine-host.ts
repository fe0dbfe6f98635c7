/**
 * Looks at the machine of an edge: does it listen, is what it shows still good, has it room. What agents see of it is
 * seen from where they are.
 *
 * @module
 */
import { newId } from '../base/ids.ts'
import type { EgressInput } from '../link/egress.ts'
import { lookAtClockSync } from '../probe/clock-sync.ts'
import { lookAtDenials } from '../probe/denials.ts'
import { lookAtDisk } from '../probe/disk.ts'
import { lookAtFolder } from '../probe/file-access.ts'
import { lookAtLoad } from '../probe/load.ts'
import { lookAtResolvers } from '../probe/names.ts'
import type { Check } from './check.ts'
import { clock } from './checks/clock.ts'
import { edgeRecords, upgrade } from './checks/edge-records.ts'
import { edgeTcp } from './checks/edge-tcp.ts'
import { edgeCertificate, edgeTls } from './checks/edge-tls.ts'
import { connectionTracking, hostCertificates, hostName, listening } from './checks/host.ts'
import { descriptors } from './checks/load.ts'
import { disk, resolverFile, securityPolicy, stateDirectory } from './checks/machine.ts'
import { edgeName, resolver } from './checks/names.ts'
import { proxy, proxySetting } from './checks/proxy.ts'
import { diagnose } from './diagnose.ts'
import { OUR_NAMES, readSetting } from './examine.ts'
import type { FactName, Patient } from './facts.ts'
import { Gathering } from './gathering.ts'
import { lookAtHost } from './host-look.ts'
import { type Report, reportOf } from './report.ts'
import { lookAtWay } from './way.ts'

/** In the order of what depends on what: of independent failures the first is the headline. */
export const HOST_CHECKS: readonly Check[] = [
  securityPolicy,
  disk,
  stateDirectory,
  resolverFile,
  clock,
  listening,
  hostCertificates,
  hostName,
  descriptors,
  connectionTracking,
]
/** Of a remote edge: the way home comes after its own machine, as agents come to it first. */
export const REMOTE_EDGE_CHECKS: readonly Check[] = [
  ...HOST_CHECKS,
  ...[resolver, edgeName, proxySetting, proxy, edgeTcp, edgeTls, edgeRecords, upgrade, edgeCertificate],
]
const FACTS: readonly FactName[] = ['denials', 'disk', 'stateDir', 'resolvers', 'sync', 'host', 'load']
const WAY_FACTS: readonly FactName[] = ['egress', 'edgeName', 'tcp', 'dial', 'tls', 'answer', 'ping']
const ALL_MS = 10_000

export interface ExamineHostOptions {
  /** With an edge, for a remote one: its home. */
  readonly patient: Patient
  readonly egress: EgressInput
  readonly signal: AbortSignal
}

/** @throws the reason of `signal`. */
export async function examineHost({ patient, egress, signal }: ExamineHostOptions): Promise<Report> {
  const remote = patient.edge !== undefined
  const startedMs = Date.now()
  const startedAt = performance.now()
  const gathering = new Gathering(patient, remote ? [...FACTS, ...WAY_FACTS] : FACTS, () => {})
  const over = AbortSignal.any([signal, AbortSignal.timeout(ALL_MS)])
  const resolvers = lookAtResolvers()
  await Promise.all([
    gathering.look('denials', lookAtDenials(OUR_NAMES, over)),
    gathering.look('disk', lookAtDisk(patient.stateDir)),
    gathering.look('stateDir', lookAtFolder(patient.stateDir)),
    gathering.look('resolvers', resolvers),
    gathering.look('sync', lookAtClockSync(over)),
    lookAtProcess(gathering, patient, resolvers, over),
    remote &&
      lookAtWay(gathering, { patient, egress: readSetting(egress), resolvers, input: egress, signal: over }),
  ])
  signal.throwIfAborted()
  return reportOf(diagnose(remote ? REMOTE_EDGE_CHECKS : HOST_CHECKS, gathering.facts()), {
    run: newId('run'),
    role: patient.role,
    startedMs,
    durationMs: performance.now() - startedAt,
  })
}

async function lookAtProcess(
  g: Gathering,
  patient: Patient,
  resolvers: ReturnType<typeof lookAtResolvers>,
  signal: AbortSignal,
): Promise<void> {
  const host = await g.look(
    'host',
    resolvers.then((file) => lookAtHost(patient.host!, file, signal)),
  )
  const pid = /\(process (\d+)\)$/.exec(host?.heldBy ?? '')?.[1]
  await g.look('load', lookAtLoad({ pid: pid === undefined ? undefined : Number(pid), signal }))
}
