import type { EdgeReport } from '../agent/edges/edge-monitor.ts'
import type { OutageReport, SelfExamination } from '../agent/examination/self-examination.ts'
import type { StillSessions } from '../agent/sessions/still-sessions.ts'
import { rfc3339 } from '../base/clock.ts'
import type { FiguresSample } from '../base/figures.ts'
import { VERSION } from '../base/version.ts'
import { listedFault } from '../link/control/fault-message.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import { type Egress, explainEgress } from '../link/dial/egress.ts'
import type { FaultMessage } from '../wire/control.ts'
import type { ConnectorState } from './bring-up/bring-up.ts'
import type { HealthySince } from './bring-up/healthy-since.ts'
import type { Progress, StageReport } from './bring-up/progress.ts'
import type { ConnectorControl } from './control/connector-control.ts'
import type { ConnectorIdentity } from './enrol/identity.ts'
import type { Protection } from './enrol/sealed-state.ts'
import type { Services } from './tunnels/services.ts'
import type { TunnelDispatch } from './workers/tunnel-dispatch.ts'
import type { WorkerReport } from './workers/worker-process.ts'

/** The document that the status socket gives to whoever connects. */
export interface ConnectorStatus {
  readonly role: 'connector'
  readonly version: string
  readonly pid: number
  readonly state: ConnectorState
  readonly startedAt: string
  readonly healthySince?: string
  readonly id?: string
  readonly tenant?: string
  /** How the identity rests on disk. */
  readonly identity?: Protection
  readonly certificate?: { readonly notAfter: string; readonly generation: number }
  readonly edge?: { readonly host: string; readonly port: number; readonly rttUs?: number }
  /** How edges are reached, and who said so. */
  readonly egress?: string
  readonly stages: readonly StageReport[]
  /** Of the first stage that failed. */
  readonly fault?: FaultMessage
  readonly tunnels: number
  readonly sessions: number
  /** Processes that carry them; none where this one does. */
  readonly workers: readonly WorkerStatus[]
  /** Session records that control has not taken yet. */
  readonly sessionReportsWaiting: number
  /** Given up since the start. */
  readonly sessionReportsShed: number
  /** Applications whose last dial failed. */
  readonly applicationsFailing: number
  /** The first few of them: why it is degraded. */
  readonly failing: readonly { readonly application: string; readonly fault: FaultMessage }[]
  /** How slow this clock is against control; nothing before control said its time. */
  readonly clockSkewMs?: number
  readonly startToHealthyMs?: number
  /** What is wrong, for how long, what the doctor said; and what was wrong before. */
  readonly outages?: OutageReport
  /** Every edge that control has named: how far it is, which is in use. */
  readonly edges: readonly EdgeReport[]
  /** Figures of the last five minutes, oldest first. */
  readonly history: readonly FiguresSample[]
  /** Sessions open now by segment, most first. */
  readonly sessionsBy: readonly {
    readonly segment: string
    readonly segmentName: string
    readonly sessions: number
  }[]
  /** Where sessions stand still: something had come, and then nothing. Idle ones do, and those that stopped in the middle. */
  readonly still?: readonly StillSessions[]
  /** Where sessions have waited for their first byte for long. */
  readonly waiting?: readonly StillSessions[]
  /** What serves all the same and somebody should know: RAW_PHASE_BLOCKED, EDGE_FAR, CONNECTOR_OVERLOADED, FLAPPING… */
  readonly notes: readonly FaultMessage[]
}

/** One process that carries sessions: what it carries, and what it uses of the machine. */
export interface WorkerStatus extends WorkerReport {
  readonly cpuPercent?: number
  readonly rssBytes?: number
}

/** What a connector consists of, for whoever describes it. */
export interface ConnectorParts {
  readonly state: ConnectorState
  readonly progress: Progress
  readonly services: Services
  readonly tunnels: TunnelDispatch
  readonly workers: readonly WorkerReport[]
  readonly identity: ConnectorIdentity | undefined
  readonly protection: Protection | undefined
  readonly control: ConnectorControl | undefined
  readonly examination: SelfExamination | undefined
  readonly egress: Egress | undefined
  /** The edge that was set by hand. */
  readonly edge: EdgeAddress | undefined
  readonly enrolSkewMs: number | undefined
  readonly startedMs: number
  readonly healthy: HealthySince
  readonly notes: readonly FaultMessage[]
}

/** What is not known is left out. */
export function describeConnector(parts: ConnectorParts): ConnectorStatus {
  const { services, control, identity, egress, healthy, progress } = parts
  const { ledger, reports, reach, vitals, silence } = services
  const at = control?.route.address ?? parts.edge ?? identity?.edge
  const edge = at && { host: at.host, port: at.port }
  const stages = progress.report()
  return {
    role: 'connector',
    version: VERSION,
    pid: process.pid,
    state: parts.state,
    startedAt: rfc3339(parts.startedMs),
    healthySince: healthy.sinceMs === undefined ? undefined : rfc3339(healthy.sinceMs),
    startToHealthyMs: healthy.startToHealthyMs,
    id: identity?.id,
    tenant: identity?.tenant,
    identity: parts.protection,
    certificate: identity && {
      notAfter: rfc3339(identity.notAfterMs),
      generation: identity.generation,
    },
    edge: edge && { ...edge, rttUs: control?.rttUs },
    edges: control?.route.report() ?? [],
    egress: egress && edge && explainEgress(egress, edge),
    clockSkewMs: control?.skewMs ?? parts.enrolSkewMs,
    stages,
    fault: stages.find((stage) => stage.fault !== undefined)?.fault,
    outages: parts.examination?.report(),
    notes: parts.notes,
    tunnels: parts.tunnels.count,
    sessions: ledger.open.count,
    workers: workersOf(parts),
    sessionsBy: ledger.open.bySegment(),
    still: silence.still,
    waiting: silence.waiting,
    sessionReportsWaiting: reports.waiting,
    sessionReportsShed: reports.shed,
    applicationsFailing: reach.failing,
    failing: reach.failures.map(({ application, fault }) => ({ application, fault: listedFault(fault) })),
    history: vitals.history,
  }
}

export function workersOf({ workers, services }: ConnectorParts): WorkerStatus[] {
  return workers.map((worker) => {
    const figures = services.figures.workers.find(({ pid }) => pid === worker.pid)
    const { cpuPercent, rssBytes } = figures ?? {}
    return { ...worker, cpuPercent: cpuPercent && Math.round(cpuPercent), rssBytes }
  })
}
