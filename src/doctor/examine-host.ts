/**
 * Looks at the machine of an edge: does it listen, is what it shows still good, has it room. What agents see of it is
 * seen from where they are.
 *
 * @module
 */
import { newId } from '../base/ids.ts'
import { lookAtClockSync } from '../probe/clock-sync.ts'
import { lookAtDenials } from '../probe/denials.ts'
import { lookAtDisk } from '../probe/disk.ts'
import { lookAtFolder } from '../probe/file-access.ts'
import { lookAtLoad } from '../probe/load.ts'
import { lookAtResolvers } from '../probe/names.ts'
import type { Check } from './check.ts'
import { clock } from './checks/clock.ts'
import { connectionTracking, hostCertificates, hostName, listening } from './checks/host.ts'
import { descriptors } from './checks/load.ts'
import { disk, resolverFile, securityPolicy, stateDirectory } from './checks/machine.ts'
import { diagnose } from './diagnose.ts'
import { OUR_NAMES } from './examine.ts'
import type { FactName, Patient } from './facts.ts'
import { Gathering } from './gathering.ts'
import { lookAtHost } from './host-look.ts'
import { type Report, reportOf } from './report.ts'

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
const FACTS: readonly FactName[] = ['denials', 'disk', 'stateDir', 'resolvers', 'sync', 'host', 'load']
const ALL_MS = 8000

/** @throws the reason of `signal`. */
export async function examineHost(patient: Patient, signal: AbortSignal): Promise<Report> {
  const startedMs = Date.now()
  const startedAt = performance.now()
  const gathering = new Gathering(patient, FACTS, () => {})
  const over = AbortSignal.any([signal, AbortSignal.timeout(ALL_MS)])
  const resolvers = lookAtResolvers()
  await Promise.all([
    gathering.look('denials', lookAtDenials(OUR_NAMES, over)),
    gathering.look('disk', lookAtDisk(patient.stateDir)),
    gathering.look('stateDir', lookAtFolder(patient.stateDir)),
    gathering.look('resolvers', resolvers),
    gathering.look('sync', lookAtClockSync(over)),
    lookAtProcess(gathering, patient, resolvers, over),
  ])
  signal.throwIfAborted()
  return reportOf(diagnose(HOST_CHECKS, gathering.facts()), {
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
