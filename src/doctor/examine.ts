/**
 * Looks at everything, side by side, the way the daemon goes: its dialer, its proxy setting, its resolver, its user.
 *
 * @module
 */
import { asFault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { ROOT } from '../base/program-files.ts'
import { type EgressInput, readEgress } from '../link/dial/egress.ts'
import { lookAtClockSync } from '../probe/clock-sync.ts'
import { lookAtDisk } from '../probe/disk.ts'
import { lookAtFolder } from '../probe/file-access.ts'
import { lookAtLoad } from '../probe/load.ts'
import { lookAtDenials } from '../probe/lsm-denials.ts'
import { lookAtLink } from '../probe/network-link.ts'
import { lookAtPackage } from '../probe/package.ts'
import { lookAtResolvers, type ResolverFile } from '../probe/resolver-file.ts'
import { lookAtApplication } from './application-look.ts'
import { CHECKS } from './checks/all.ts'
import { askDaemon } from './daemon-look.ts'
import { type Diagnosis, diagnose } from './diagnose.ts'
import { EDGE_PATH_FACTS, lookAtEdgePath } from './edge-path-look.ts'
import { lookAtEdges } from './edges-look.ts'
import type { AppSessionFacts, DaemonFacts, FactName, FactTable } from './facts.ts'
import { Gathering } from './gathering.ts'
import { appAddressesBefore } from './other-addresses.ts'
import { daemonMet, Patience } from './patience.ts'
import type { AppTarget, Patient } from './patient.ts'
import { type Report, reportOf } from './report.ts'

export type GivenFacts = Partial<
  Pick<FactTable, 'key' | 'identity' | 'denials'> & Pick<DaemonFacts, 'oomKill'>
>

export interface ExamineOptions {
  readonly patient: Patient
  /** Looked at before, where that takes other rights or another part of the program than this one has. */
  readonly given: GivenFacts
  readonly egress: EgressInput
  readonly signal: AbortSignal
  /** How a client reaches an application: only a session tells. A connector looks from where it stands. */
  readonly trySession?: (app: AppTarget, signal: AbortSignal) => Promise<Omit<AppSessionFacts, 'target'>>
  /** The daemon itself asks: its own socket has nothing to say that it does not know. */
  readonly daemon?: DaemonFacts
  /** Each time something more is known: the first certain verdict need not wait for the rest. */
  readonly onProgress?: (diagnosis: Diagnosis) => void
}

const ALL_MS = 9500
const ALWAYS: readonly FactName[] = [
  'denials',
  'disk',
  'stateDir',
  'link',
  'resolvers',
  'key',
  'identity',
  ...EDGE_PATH_FACTS,
  'sync',
  'daemon',
  'load',
  'edges',
]
/** What names us in a denial: the folder of the program, and its services. */
export const OUR_NAMES = ['backstitch', ROOT]

/** @throws the reason of `o.signal`; what cannot be looked at is in the report. */
export async function examine(o: ExamineOptions): Promise<Report> {
  const { patient, signal } = o
  const startedMs = Date.now()
  const startedAt = performance.now()
  const judge = () => diagnose(CHECKS, gathering.facts())
  const app = patient.role === 'client' ? 'session' : 'app'
  const awaited = [
    ...ALWAYS,
    ...(patient.app === undefined ? [] : [app]),
    ...(patient.package === undefined ? [] : ['package']),
  ] as FactName[]
  const gathering = new Gathering(patient, awaited, () => o.onProgress?.(judge()))
  const over = AbortSignal.any([signal, AbortSignal.timeout(ALL_MS)])
  const late = new Promise<void>((resolve) => over.addEventListener('abort', () => resolve(), { once: true }))
  await Promise.race([lookEverywhere(gathering, o, over), late])
  signal.throwIfAborted()
  gathering.giveUp(`no answer within ${ALL_MS / 1000} s`)
  return reportOf(judge(), {
    run: newId('run'),
    role: patient.role,
    startedMs,
    durationMs: performance.now() - startedAt,
  })
}

async function lookEverywhere(g: Gathering, o: ExamineOptions, signal: AbortSignal): Promise<void> {
  const { patient, given } = o
  const resolvers = lookAtResolvers()
  const egress = readSetting(o.egress)
  const daemon = o.daemon ? Promise.resolve(o.daemon) : askDaemon(patient, signal, given)
  const patience = new Patience({ signal, daemonMet: daemonMet(daemon) })
  await Promise.all([
    g.look('denials', given.denials ? Promise.resolve(given.denials) : lookAtDenials(OUR_NAMES, signal)),
    g.look('disk', lookAtDisk(patient.stateDir)),
    g.look('stateDir', lookAtFolder(patient.stateDir)),
    g.look('link', lookAtLink()),
    g.look('resolvers', resolvers),
    g.look('key', Promise.resolve(given.key)),
    g.look('identity', Promise.resolve(given.identity)),
    g.look('sync', lookAtClockSync(signal)),
    lookAtDaemon(g, o, { setting: egress, daemon, signal }),
    lookAtEdgePath(g, { patient, egress, resolvers, input: o.egress, signal, patience }),
    patient.role === 'client'
      ? tryApp(g, o, signal)
      : lookAtApp(g, patient, { resolvers, daemon, signal, patience }),
    patient.package && g.look('package', lookAtPackage(patient.package, ROOT)),
  ])
}

async function lookAtApp(
  g: Gathering,
  { app }: Patient,
  o: {
    resolvers: Promise<ResolverFile>
    daemon: Promise<DaemonFacts>
    signal: AbortSignal
    patience: Patience
  },
): Promise<void> {
  if (app === undefined) return
  const before = o.daemon.then(
    (known) => appAddressesBefore(app.host, known),
    () => [],
  )
  await g.look(
    'app',
    lookAtApplication(app, await o.resolvers, { before, signal: o.signal, patience: o.patience }),
  )
}

/** The name means something to a connector alone: what the resolver of this device says of it is beside the point. */
async function tryApp(
  g: Gathering,
  { patient, trySession }: ExamineOptions,
  signal: AbortSignal,
): Promise<void> {
  const { app } = patient
  if (app === undefined) return
  if (trySession === undefined) return g.miss('only backstitch doctor on this device checks it', 'session')
  await g.look(
    'session',
    trySession(app, signal).then((tried) => ({ target: { host: app.host, port: app.port }, ...tried })),
  )
}

/** Never rejects: a setting that cannot be used is a finding. */
export async function readSetting(input: EgressInput): Promise<FactTable['egress']> {
  return readEgress(input).then(
    (egress) => ({ egress }),
    (error: unknown) => ({ fault: asFault(error, 'INVALID') }),
  )
}

async function lookAtDaemon(
  g: Gathering,
  o: ExamineOptions,
  {
    setting,
    daemon,
    signal,
  }: { setting: Promise<FactTable['egress']>; daemon: Promise<DaemonFacts>; signal: AbortSignal },
): Promise<void> {
  const found = await g.look('daemon', daemon)
  await Promise.all([
    g.look('load', lookAtLoad({ pid: found?.pid, signal })),
    lookAtOthers(g, o, { setting, daemon: found, signal }),
  ])
}

/** Edges beside the one that the way leads to. */
async function lookAtOthers(
  g: Gathering,
  { patient }: ExamineOptions,
  o: { setting: Promise<FactTable['egress']>; daemon: DaemonFacts | undefined; signal: AbortSignal },
): Promise<void> {
  const { daemon, signal } = o
  const egress = await o.setting
  if ('fault' in egress) g.miss('the proxy setting is unusable', 'edges')
  else await g.look('edges', lookAtEdges({ patient, egress: egress.egress, daemon, signal }))
}
