/**
 * Looks at the machine of an edge: does it listen, is what it shows still good, has it room, and, of one that is not
 * next to the control plane, does it get home. What agents see of it is seen from where they are.
 *
 * @module
 */
import { newId } from '../base/ids.ts'
import type { EgressInput } from '../link/dial/egress.ts'
import { lookAtClockSync } from '../probe/clock-sync.ts'
import { lookAtDisk } from '../probe/disk.ts'
import { lookAtFolder } from '../probe/file-access.ts'
import { lookAtLoad } from '../probe/load.ts'
import { lookAtDenials } from '../probe/lsm-denials.ts'
import { lookAtLink } from '../probe/network-link.ts'
import { lookAtResolvers } from '../probe/resolver-file.ts'
import type { Check } from './check.ts'
import { clock } from './checks/clock.ts'
import { control, running } from './checks/daemon.ts'
import { edgeName } from './checks/edge-name.ts'
import { edgeRecords, upgrade } from './checks/edge-records.ts'
import { edgeTcp } from './checks/edge-tcp.ts'
import { edgeCertificate, edgeTls } from './checks/edge-tls.ts'
import {
  connectionTracking,
  controlPlane,
  handshakes,
  hostCertificates,
  hostName,
  listening,
} from './checks/host.ts'
import { certificate, provisioningKey, seal } from './checks/identity.ts'
import { link } from './checks/link.ts'
import { descriptors, hostMemory } from './checks/load.ts'
import { disk, resolverFile, securityPolicy, stateDirectory } from './checks/machine.ts'
import { proxy, proxySetting } from './checks/proxy.ts'
import { resolver } from './checks/resolver.ts'
import { flapping } from './checks/stability.ts'
import { workers } from './checks/workers.ts'
import { askDaemon } from './daemon-look.ts'
import { diagnose } from './diagnose.ts'
import { EDGE_PATH_FACTS, lookAtEdgePath } from './edge-path-look.ts'
import { OUR_NAMES, readSetting } from './examine.ts'
import type { DaemonFacts, FactName, FactTable } from './facts.ts'
import { Gathering } from './gathering.ts'
import { lookAtHost } from './host-look.ts'
import { daemonMet, Patience } from './patience.ts'
import type { Patient } from './patient.ts'
import { type Report, reportOf } from './report.ts'

const MACHINE: readonly Check[] = [securityPolicy, disk, stateDirectory]
const SERVING: readonly Check[] = [
  descriptors,
  hostMemory,
  listening,
  controlPlane,
  hostCertificates,
  hostName,
  connectionTracking,
  handshakes,
]
/** In the order of what depends on what: of independent failures the first is the headline. */
export const SERVER_CHECKS: readonly Check[] = [...MACHINE, resolverFile, clock, ...SERVING, workers]
/** The way home comes after its own machine, as agents come to it first. */
export const EDGE_CHECKS: readonly Check[] = [
  ...[...MACHINE, provisioningKey, seal, resolverFile, proxySetting, clock, running, ...SERVING],
  ...[link, resolver, edgeName, proxy, edgeTcp, edgeTls, edgeRecords, upgrade, edgeCertificate],
  ...[certificate, control, workers, flapping],
]
const FACTS: readonly FactName[] = [
  'denials',
  'disk',
  'stateDir',
  'resolvers',
  'sync',
  'host',
  'load',
  'daemon',
]
const EDGE_FACTS: readonly FactName[] = [
  ...FACTS,
  ...(['key', 'identity', 'link', ...EDGE_PATH_FACTS] as const),
]
const ALL_MS = 10_000

export interface ExamineHostOptions {
  /** Of a further edge with its home. */
  readonly patient: Patient
  /** Of a further edge: what the files say that it lives by. */
  readonly given: Partial<Pick<FactTable, 'key' | 'identity'>>
  readonly egress: EgressInput
  readonly signal: AbortSignal
  /** The edge itself asks. */
  readonly daemon?: DaemonFacts
}

/** @throws the reason of `signal`. */
export async function examineHost(o: ExamineHostOptions): Promise<Report> {
  const { patient, signal } = o
  const further = patient.role === 'edge'
  const startedMs = Date.now()
  const startedAt = performance.now()
  const gathering = new Gathering(patient, further ? EDGE_FACTS : FACTS, () => {})
  const over = AbortSignal.any([signal, AbortSignal.timeout(ALL_MS)])
  const resolvers = lookAtResolvers()
  const asked = o.daemon ? Promise.resolve(o.daemon) : askDaemon(edgeOf(patient), over)
  await Promise.all([
    gathering.look('denials', lookAtDenials(OUR_NAMES, over)),
    gathering.look('disk', lookAtDisk(patient.stateDir)),
    gathering.look('stateDir', lookAtFolder(patient.stateDir)),
    gathering.look('resolvers', resolvers),
    gathering.look('sync', lookAtClockSync(over)),
    gathering.look('daemon', asked),
    lookAtProcess(gathering, patient, resolvers, over),
    further && lookAtFurtherEdge(gathering, { ...o, signal: over }, resolvers, asked),
  ])
  signal.throwIfAborted()
  return reportOf(diagnose(further ? EDGE_CHECKS : SERVER_CHECKS, gathering.facts()), {
    run: newId('run'),
    role: patient.role,
    startedMs,
    durationMs: performance.now() - startedAt,
  })
}

/** That of a server keeps its state in a folder of its own. */
function edgeOf(patient: Patient): Patient {
  return { ...patient, stateDir: patient.host?.edgeState ?? patient.stateDir }
}

async function lookAtFurtherEdge(
  g: Gathering,
  { patient, given, egress: input, signal }: Omit<ExamineHostOptions, 'daemon'>,
  resolvers: ReturnType<typeof lookAtResolvers>,
  asked: ReturnType<typeof askDaemon>,
): Promise<void> {
  const patience = new Patience({ signal, daemonMet: daemonMet(asked) })
  await Promise.all([
    g.look('key', Promise.resolve(given.key)),
    g.look('identity', Promise.resolve(given.identity)),
    g.look('link', lookAtLink()),
    lookAtEdgePath(g, { patient, egress: readSetting(input), resolvers, input, signal, patience }),
  ])
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
