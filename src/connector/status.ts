import type { EdgeReport } from '../agent/edges/edge-monitor.ts'
import type { OutageReport } from '../agent/examination/self-examination.ts'
import type { StillSessions } from '../agent/sessions/still-sessions.ts'
import { rfc3339 } from '../base/clock.ts'
import type { FiguresSample } from '../base/figures.ts'
import { VERSION } from '../base/version.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import { type Egress, explainEgress } from '../link/dial/egress.ts'
import type { FaultMessage } from '../wire/control.ts'
import type { ConnectorState } from './bring-up/bring-up.ts'
import type { StageReport } from './bring-up/progress.ts'
import type { ConnectorIdentity } from './enrol/identity.ts'
import type { Protection } from './enrol/sealed-state.ts'

/** What goes into the document as it is. */
interface StatusCounts {
  readonly tunnels: number
  readonly sessions: number
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

/** The document that the status socket gives to whoever connects. */
export interface ConnectorStatus extends StatusCounts {
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
}

export interface ConnectorStatusFacts extends StatusCounts {
  readonly state: ConnectorState
  readonly stages: readonly StageReport[]
  readonly identity?: ConnectorIdentity
  readonly protection?: Protection
  readonly edge?: EdgeAddress
  readonly egress?: Egress
  readonly rttUs?: number
  readonly startedMs: number
  readonly healthyMs?: number
}

/** What is not known is left out. */
export function statusOf(facts: ConnectorStatusFacts): ConnectorStatus {
  const { identity, protection, egress, rttUs, startedMs, healthyMs, ...rest } = facts
  const edge = facts.edge && { host: facts.edge.host, port: facts.edge.port }
  const { id, tenant, notAfterMs, generation } = identity ?? {}
  return {
    role: 'connector',
    version: VERSION,
    pid: process.pid,
    startedAt: rfc3339(startedMs),
    healthySince: healthyMs === undefined ? undefined : rfc3339(healthyMs),
    id,
    tenant,
    identity: protection,
    certificate:
      notAfterMs === undefined || generation === undefined
        ? undefined
        : { notAfter: rfc3339(notAfterMs), generation },
    edge: edge === undefined ? undefined : { ...edge, rttUs },
    egress: egress === undefined || edge === undefined ? undefined : explainEgress(egress, edge),
    fault: facts.stages.find((stage) => stage.fault !== undefined)?.fault,
    ...rest,
  }
}
