import type { EdgeReport } from '../agent/edges/edge-monitor.ts'
import type { OutageReport } from '../agent/examination/self-examination.ts'
import type { SessionReports } from '../agent/sessions/session-reports.ts'
import type { StillSessions } from '../agent/sessions/still-sessions.ts'
import { type Clock, rfc3339 } from '../base/clock.ts'
import type { Fault } from '../base/faults.ts'
import { VERSION } from '../base/version.ts'
import { faultToMessage } from '../link/control/fault-message.ts'
import { type Egress, explainEgress } from '../link/dial/egress.ts'
import type { RawPhase } from '../link/pipe/raw-phase.ts'
import type { FaultMessage } from '../wire/control.ts'
import type { Forward } from './entry/forward-listener.ts'
import type { LocalProxy } from './entry/local-proxy.ts'
import type { LocalUsers, LocalUsersStatus } from './entry/local-users.ts'
import { applicationNotes } from './session/application-notes.ts'
import type { ClientTunnel } from './session/client-tunnel.ts'
import type { ClientDecision, Decisions } from './session/decisions.ts'
import type { CachedGrant } from './session/grant-cache.ts'
import type { Looks } from './session/looks.ts'
import type { Opener } from './session/open-session.ts'
import type { SilentApps } from './session/silent-app.ts'
import type { Uplink } from './uplink/uplink.ts'

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
  readonly tunnels: readonly {
    readonly connector: string
    readonly connectorName?: string
    readonly edge: string
    readonly pipe: string
    readonly streams: number
    readonly rttUs: number
    readonly queuedBytes: number
    readonly bytesPerSecond: number
    readonly retired: boolean
    /** Inside its outer TLS: slower. */
    readonly wrapped: boolean
  }[]
  readonly grants: readonly {
    readonly id: string
    readonly destination: string
    readonly segment: string
    readonly connector: string
    readonly endsInMs: number
  }[]
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
}

/** The parts of a client that its status is read from. */
export interface ClientParts {
  readonly startedMs: number
  readonly clock: Clock
  readonly uplink?: Uplink
  readonly egress?: Egress
  readonly proxy: LocalProxy | undefined
  readonly users: LocalUsers
  readonly forwards: readonly Forward[]
  readonly tunnels: Iterable<ClientTunnel>
  readonly grants: Iterable<CachedGrant>
  readonly opener: Opener
  readonly reports: SessionReports
  readonly decisions: Decisions
  readonly connectorName: (id: string) => string | undefined
  readonly rawPhase: RawPhase
  readonly outages?: OutageReport
  readonly silence: Pick<SilentApps, 'notes' | 'waiting'>
  readonly looks: Pick<Looks, 'notes'>
  readonly stoodStill?: Fault
}

export function describeClient(parts: ClientParts): ClientStatus {
  const { uplink, egress, opener } = parts
  const profile = uplink?.profile
  const fault = uplink?.fault
  const edge = profile && (uplink?.route?.address ?? profile.edge)
  const { total, failed, bytesUp, bytesDown } = opener.totals
  const nowUs = parts.clock.monotonicUs()
  const grants = [...parts.grants] // they can be gone through once
  return {
    role: 'client',
    version: VERSION,
    pid: process.pid,
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
    notes: [
      ...parts.rawPhase.blocked,
      parts.reports.unwritten,
      parts.stoodStill,
      ...(uplink?.route?.notes ?? []),
      opener.lanes.note,
      ...applicationNotes({ ...parts, grants }),
    ]
      .filter((note) => note !== undefined)
      .map(faultToMessage),
    waiting: parts.silence.waiting,
    proxy: parts.proxy?.address,
    proxySockets: parts.proxy?.files ?? [],
    localUsers: parts.users.status,
    forwards: parts.forwards.map(({ local, to, protocol }) => ({ local, to, protocol })),
    tunnels: [...parts.tunnels].map(({ facts, sessions, mux, bytesPerSecond, retired }) => ({
      connector: facts.connector,
      connectorName: parts.connectorName(facts.connector),
      edge: facts.edge,
      pipe: facts.pipe,
      streams: sessions.size,
      rttUs: mux.rttUs,
      queuedBytes: mux.queuedBytes,
      bytesPerSecond: Math.round(bytesPerSecond),
      retired,
      wrapped: facts.wrapped,
    })),
    grants: grants.map(({ granted, to, endUs }) => ({
      id: granted.grantId,
      destination: to.key,
      segment: granted.segmentName,
      connector: granted.connector,
      endsInMs: Math.max(0, Math.round((endUs - nowUs) / 1000)),
    })),
    sessions: { open: opener.live.size, total, failed, bytesUp, bytesDown },
    sessionReportsWaiting: parts.reports.waiting,
    sessionReportsShed: parts.reports.shed,
    decisions: parts.decisions.latest,
  }
}

function stateOf(uplink: Uplink | undefined): ClientStatus['state'] {
  if (uplink?.profile === undefined) return 'signed-out'
  if (uplink.isUp) return 'connected'
  return uplink.fault === undefined ? 'connecting' : 'disconnected'
}
