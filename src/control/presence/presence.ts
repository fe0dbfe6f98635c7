import type { Figures } from '../../base/figures.ts'
import type { ControlEnd } from '../../link/control/control-ends.ts'
import type { Peer } from '../../pki/verify.ts'
import type { Reachability } from '../../policy/edge-choice.ts'
import type { CandidateState } from '../../policy/select.ts'
import type { FaultMessage } from '../../wire/control.ts'
import { AgentProcesses } from './agent-processes.ts'
import { Applications } from './applications.ts'
import { ReconnectGrace } from './reconnect-grace.ts'

/** One control connection of one agent that has said hello. */
export interface Connected {
  readonly peer: Peer
  readonly channel: ControlEnd
  /** Address it came from. */
  readonly from: string
  /** The edge it came in by. */
  readonly via: string
  readonly hostName: string
  readonly program: string
  /** The process of it, as its session reports name it. */
  readonly run?: string
  /** What it takes beyond the first version of the protocol. */
  readonly knows?: readonly string[]
  readonly sinceMs: number
  /** How far its clock was ahead of ours when it came; negative is behind. */
  readonly skewMs: number
  /** Of a client: the device as the store has it. */
  readonly device?: { readonly name: string; readonly userId: string }
  /** What a connector last said of itself; `connected` until it has. */
  state: Exclude<CandidateState, 'disconnected' | 'disabled'>
  sessions: number
  tunnels: number
  cpuPercent: number
  rssBytes: number
  rttUs: number
  /**
   * Of a client, by connector: the shard of its next pipe to it. Each gets another one, so that an edge spreads them; were
   * they counted together, two that go to one connector could lie as far apart as an edge has workers.
   */
  nextShards?: Map<string, number>
  /** What it last told of edges, by id; empty until it has. */
  edges: Reachability
  /** Of an edge: its second port, for control connections only. */
  controlPort?: number
  /** Session records that it says it has given up. */
  shed?: number
  /** Sessions it was chosen for since it last told how many it has. */
  given?: number
  figures?: Figures
  /** Open sessions by segment. */
  sessionsBy?: readonly { readonly segment: string; readonly sessions: number }[]
  /** CONNECTOR_OVERLOADED, while it says so. */
  overload?: FaultMessage
  /** MEMORY_LEAK_SUSPECTED, while it says so. */
  leak?: FaultMessage
  /** What else it says it serves in spite of. */
  notes?: readonly FaultMessage[]
}

/** Who is connected now, and what connectors have lately seen of applications. Nothing of it is written to the store. */
export class Presence {
  readonly returning = new ReconnectGrace()
  readonly runs: AgentProcesses
  readonly applications = new Applications()
  readonly #connectors = new Map<string, Connected>()
  readonly #clients = new Map<string, Set<Connected>>()
  readonly #edges = new Map<string, Connected>()

  constructor(runs = new AgentProcesses()) {
    this.runs = runs
  }

  connector(id: string): Connected | undefined {
    return this.#connectors.get(id)
  }

  connectors(): Iterable<Connected> {
    return this.#connectors.values()
  }

  /** A remote edge. */
  edge(id: string): Connected | undefined {
    return this.#edges.get(id)
  }

  edges(): Iterable<Connected> {
    return this.#edges.values()
  }

  /** Control connections of a device: its daemon, and a short-lived one per command. */
  clients(device: string): ReadonlySet<Connected> {
    return this.#clients.get(device) ?? NONE
  }

  *allClients(): Iterable<Connected> {
    for (const set of this.#clients.values()) yield* set
  }

  /** Replaces what was known of a connector: one identity, one connection. */
  addConnector(connected: Connected): void {
    this.#connectors.set(connected.peer.identity.id, connected)
    this.#arrived(connected)
    this.returning.arrived(connected.peer.identity.id)
  }

  /** As addConnector. */
  addEdge(connected: Connected): void {
    this.#edges.set(connected.peer.identity.id, connected)
  }

  addClient(connected: Connected): void {
    const id = connected.peer.identity.id
    const set = this.#clients.get(id) ?? new Set()
    this.#clients.set(id, set.add(connected))
    this.#arrived(connected)
  }

  /** Once more, or of one that was replaced, it changes nothing. */
  remove(connected: Connected): void {
    const { role, id } = connected.peer.identity
    if (role !== 'client') {
      const all = role === 'connector' ? this.#connectors : this.#edges
      if (all.get(id) !== connected) return
      all.delete(id)
      this.#left(connected)
      if (role === 'connector' && connected.state !== 'draining') this.returning.lost(id)
      return
    }
    const set = this.#clients.get(id)
    if (set?.delete(connected) !== true) return
    this.#left(connected, set)
    if (set.size === 0) this.#clients.delete(id)
  }

  #arrived({ peer, run }: Connected): void {
    if (run !== undefined) this.runs.here(peer.identity.id, run)
  }

  /** Unless another connection of the same process is here: it came while nobody knew yet that this one was dead. */
  #left({ peer, run }: Connected, others: ReadonlySet<Connected> = NONE): void {
    if (run === undefined || [...others].some((other) => other.run === run)) return
    this.runs.left(peer.identity.id, run)
  }
}

const NONE: ReadonlySet<Connected> = new Set()
