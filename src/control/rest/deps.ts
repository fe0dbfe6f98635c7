import type { IncomingMessage } from 'node:http'
import type { Registry } from 'prom-client'
import type { EdgeState } from '../../api/resources.ts'
import type { TokenRole } from '../../api/roles.ts'
import type { TraceInput, TraceReport } from '../../api/trace.ts'
import type { Clock } from '../../base/clock.ts'
import type { Fault } from '../../base/faults.ts'
import type { Figures, FiguresSample } from '../../base/figures.ts'
import type { Log } from '../../base/log.ts'
import type { Reachability } from '../../policy/edge-choice.ts'
import type { Flapping } from '../../policy/flapping.ts'
import type { Candidate } from '../../policy/select.ts'
import type { Store } from '../../store/store.ts'
import type { DiagnosisReport, DiagnosisTarget, FaultMessage } from '../../wire/control.ts'
import type { KeyRefusal } from '../agents/refused-keys.ts'
import type { ControlShares } from '../base/shares.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import type { ApplicationReport } from '../presence/applications.ts'
import type { Absence } from '../presence/departures.ts'
import type { DiagnosisListener } from '../presence/diagnoses.ts'
import type { Passage } from '../presence/vitals.ts'
import type { TraceWatcher } from '../trace/run-trace.ts'

/** What a connected connector last said of itself. */
export interface LiveConnector {
  readonly state: 'connected' | 'healthy' | 'degraded' | 'draining'
  readonly connectedMs: number
  readonly address: string
  readonly sessions: number
  readonly tunnels: number
  readonly cpuPercent: number
  readonly rssBytes: number
  readonly rttUs: number
  /** The edge that its control connection comes in by. */
  readonly edge: { readonly id: string; readonly name: string }
  /** The same as `edges`, with names. */
  readonly edgesSeen: readonly {
    readonly id: string
    readonly name: string
    readonly rttUs?: number
    readonly code?: string
  }[]
  /** What it measured to edges, by id. */
  readonly edges?: Reachability
  readonly figures?: Figures
  readonly sessionsBy?: readonly { readonly segment: string; readonly sessions: number }[]
  readonly overload?: FaultMessage
  readonly leak?: FaultMessage
  readonly notes?: readonly FaultMessage[]
  /** Ahead of the clock of the control plane; negative is behind. */
  readonly skewMs: number
  /** Applications that it does not reach, or not as it should. */
  readonly failing: readonly { readonly host: string; readonly port: number; readonly fault?: FaultMessage }[]
}

/** One control connection of a device, and what it said of its machine. */
export interface LiveDevice {
  readonly connectedMs: number
  readonly address: string
  readonly skewMs: number
  readonly host: string
  readonly program: string
}

/** What the part that holds the control connections remembers of them. */
export interface LiveVitals {
  history(connector: string): readonly FiguresSample[]
  passages(connector: string): readonly Passage[]
  flapping(connector: string): Flapping | undefined
  told(segment: string, connector: string): ApplicationReport[]
  /** The same, of all segments. */
  toldBy(connector: string): ApplicationReport[]
  /** When policy last let somebody through to the segment. */
  usedMs(segment: string): number | undefined
  candidates(policy: PolicySnapshot, groups: readonly string[]): Candidate[]
}

/** Who is connected now: known to the part that holds the control connections. */
export interface LivePresence {
  connector(id: string): LiveConnector | undefined
  /** Control connections of a device: its daemon, and commands that run for a moment. */
  device(id: string): readonly LiveDevice[]
  edge(id: string): EdgeState
  /** What an edge says that it serves in spite of. */
  edgeNotes(id: string): readonly FaultMessage[]
  /** How a connector or device that is not connected went away, and what it was not let in for. */
  absence(id: string): Absence
  /** Devices and connectors that are connected from this address. */
  neighbours(address: string): number
  /** Who came last with a provisioning key and was not let in, since this control plane started. */
  keyRefusal(id: string): KeyRefusal | undefined
  readonly vitals: LiveVitals
  /** Asks a connected connector to examine itself. @throws {Fault} CONNECTOR_DISCONNECTED, CONFLICT, CONTROL_UNREACHABLE. */
  diagnose(
    id: string,
    app: DiagnosisTarget | undefined,
    o: DiagnosisListener & { readonly signal: AbortSignal },
  ): Promise<DiagnosisReport>
}

/** Encrypts what may not lie in the store in clear. */
export interface Sealer {
  seal(purpose: string, plain: string): string
  open(purpose: string, sealed: string): Buffer
}

/** What the REST API stands on. */
export interface RestDeps {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly vault: Sealer
  readonly presence: LivePresence
  readonly policy: () => Promise<PolicySnapshot>
  /** One canary through everything, for one user. @throws {Fault} NOT_FOUND, CONFLICT. */
  readonly trace: (input: TraceInput, watcher: TraceWatcher) => Promise<TraceReport>
  readonly shares: ControlShares
  /** Version of the program. */
  readonly version: string
  /** Host names this server answers to, without ports. Addresses and localhost need not be named. */
  readonly hosts: () => readonly string[]
  /** The text of a provisioning key that holds `secret`: adds the edge and the pin. */
  readonly formatKey: (secret: string) => string
  /** Metrics of the whole process are served; by default those of the API only. */
  readonly registry?: Registry
  /** And those of the edge beside it, as Prometheus text. */
  readonly edgeMetrics?: () => Promise<string>
  /** Why requests cannot be served yet, if so. */
  readonly notReady?: () => Fault | undefined
  /** Address the request comes from; by default that of its socket. */
  readonly addressOf?: (request: IncomingMessage) => string
}

/** Who sent a request, proved by a token. */
export interface ApiCaller {
  readonly tokenId: string
  readonly name: string
  readonly role: TokenRole
  readonly expiresMs?: number
}

/** As the audit log names a caller. */
export function actorOf(caller: ApiCaller): string {
  return `token ${caller.name} (${caller.tokenId})`
}
