import type { EdgeReport } from '../agent/edges/edge-monitor.ts'
import type { OutageReport } from '../agent/examination/self-examination.ts'
import type { StillSessions } from '../agent/sessions/still-sessions.ts'
import { rfc3339 } from '../base/clock.ts'
import type { Fault } from '../base/faults.ts'
import { VERSION } from '../base/version.ts'
import { faultToMessage } from '../link/control/fault-message.ts'
import { type Egress, explainEgress } from '../link/dial/egress.ts'
import type { FaultMessage } from '../wire/control.ts'
import type { Forward } from './entry/forward-listener.ts'
import type { LocalProxy } from './entry/local-proxy.ts'
import type { LocalUsers, LocalUsersStatus } from './entry/local-users.ts'
import type { ClientDecision } from './session/decisions.ts'
import type { Uplink } from './uplink/uplink.ts'
import type { EngineDetails, EngineFigures, GrantRow, TunnelRow } from './workers/engine-status.ts'

/** The document that the status socket gives to whoever connects. */
export interface ClientStatus {
  readonly role: 'client'
  readonly version: string
  readonly state: 'signed-out' | 'connecting' | 'connected' | 'disconnected'
  readonly id?: string
  readonly tenant?: string
  readonly user?: string
  readonly certificate?: { readonly notAfter: string; readonly generation: number }
  /** Somebody has to sign in again then, whatever is renewed until then. */
  readonly signInEnds?: string
  readonly edge?: { readonly host: string; readonly port: number; readonly rttUs?: number }
  readonly egress?: string
  readonly clockSkewMs?: number
  readonly fault?: FaultMessage
  /** What is wrong, for how long, what the doctor said; and what was wrong before. */
  readonly outages?: OutageReport
  /** Every edge that control has named: how far it is, which is in use. */
  readonly edges: readonly EdgeReport[]
  /** Where sessions have waited for their first byte for long. */
  readonly waiting?: readonly StillSessions[]
  /** What works all the same and somebody should know: RAW_PHASE_BLOCKED, EDGE_FAR, APP_SILENT. */
  readonly notes: readonly FaultMessage[]
  /** Where the local proxy listens, HOST:PORT. */
  readonly proxy?: string
  /** unix:PATH of each Unix socket that it listens on. */
  readonly proxySockets: readonly string[]
  /** Users of this machine that may go through it by TCP. */
  readonly localUsers: LocalUsersStatus
  readonly forwards: readonly {
    readonly local: string
    readonly to: string
    readonly protocol: 'tcp' | 'udp'
  }[]
  readonly tunnels: readonly TunnelRow[]
  readonly grants: readonly GrantRow[]
  readonly sessions: {
    readonly open: number
    readonly total: number
    readonly failed: number
    readonly bytesUp: number
    readonly bytesDown: number
  }
  readonly sessionReportsWaiting: number
  /** Given up since the start. */
  readonly sessionReportsShed: number
  /** What the client decided last, newest first, also when it sent nothing. */
  readonly decisions: readonly ClientDecision[]
  readonly startedAt: string
  readonly pid: number
  /** Process ids of those that carry sessions beside this one. */
  readonly workers: readonly number[]
}

/** The parts of a client that its status is read from. */
export interface ClientParts {
  readonly startedMs: number
  readonly uplink?: Uplink
  readonly egress?: Egress
  readonly proxy: LocalProxy | undefined
  readonly users: LocalUsers
  readonly forwards: readonly Forward[]
  /** Of all processes together. */
  readonly figures: EngineFigures
  readonly details: EngineDetails
  /** Process ids of those beside the main one. */
  readonly workers: readonly number[]
  readonly outages?: OutageReport
  readonly stoodStill?: Fault
  readonly workerEnded?: Fault
}

export function describeClient(parts: ClientParts): ClientStatus {
  const { uplink, egress, figures, details } = parts
  const profile = uplink?.profile
  const fault = uplink?.fault
  const edge = profile && (uplink?.route?.address ?? profile.edge)
  const { total, failed, bytesUp, bytesDown } = figures.totals
  const { stoodStill, workerEnded } = parts
  const own = [stoodStill, workerEnded, ...(uplink?.route?.notes ?? [])].filter((note) => note !== undefined)
  return {
    role: 'client',
    version: VERSION,
    pid: process.pid,
    workers: parts.workers,
    state: stateOf(uplink),
    startedAt: rfc3339(parts.startedMs),
    id: profile?.deviceId,
    tenant: profile?.tenant,
    user: profile?.user,
    certificate: profile && { notAfter: rfc3339(profile.notAfterMs), generation: profile.generation },
    signInEnds: profile?.signInEndsMs === undefined ? undefined : rfc3339(profile.signInEndsMs),
    edge: edge && { host: edge.host, port: edge.port, rttUs: uplink?.rttUs },
    edges: uplink?.route?.report() ?? [],
    egress: egress && edge && explainEgress(egress, edge).trimEnd(),
    clockSkewMs: uplink?.skewMs,
    fault: fault && faultToMessage(fault),
    outages: parts.outages,
    notes: [...own.map(faultToMessage), ...details.notes],
    waiting: details.waiting,
    proxy: parts.proxy?.address,
    proxySockets: parts.proxy?.files ?? [],
    localUsers: parts.users.status,
    forwards: parts.forwards.map(({ local, to, protocol }) => ({ local, to, protocol })),
    tunnels: details.tunnels,
    grants: details.grants,
    sessions: { open: figures.open, total, failed, bytesUp, bytesDown },
    sessionReportsWaiting: figures.reportsWaiting,
    sessionReportsShed: figures.reportsShed,
    decisions: details.decisions,
  }
}

function stateOf(uplink: Uplink | undefined): ClientStatus['state'] {
  if (uplink?.profile === undefined) return 'signed-out'
  if (uplink.isUp) return 'connected'
  return uplink.fault === undefined ? 'connecting' : 'disconnected'
}
