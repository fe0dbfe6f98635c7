import type { ControlEnd } from '../../link/control-channel.ts'
import type { Peer } from '../../pki/verify.ts'
import type { Reachability } from '../../policy/edge-choice.ts'
import type { ConnectorState } from '../../policy/select.ts'
import { Returning } from './returning.ts'

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
  readonly sinceMs: number
  /** Of a client: the device as the store has it. */
  readonly device?: { readonly name: string; readonly userId: string }
  readonly posture: Readonly<Record<string, string | number | boolean>>
  /** What a connector last said of itself; `connected` until it has. */
  state: Exclude<ConnectorState, 'disconnected' | 'disabled'>
  sessions: number
  tunnels: number
  cpuPercent: number
  rssBytes: number
  rttUs: number
  /** What it last told of edges, by id; empty until it has. */
  edges: Reachability
}

interface Application {
  readonly host: string
  readonly port: number
}

/** How long a connector that could not reach an application is passed over for it. */
const UNREACHABLE_MS = 15_000
const MAX_UNREACHABLE = 20_000

/** Who is connected now, and what connectors have lately seen of applications. Nothing of it is written to the store. */
export class Presence {
  readonly returning = new Returning()
  readonly #connectors = new Map<string, Connected>()
  readonly #clients = new Map<string, Set<Connected>>()
  readonly #edges = new Map<string, Connected>()
  /** `connector host port` → what it met there last, when it failed. */
  readonly #unreachable = new Map<string, { code: string; untilMs: number }>()

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
  }

  remove(connected: Connected): void {
    const { role, id } = connected.peer.identity
    if (role !== 'client') {
      const all = role === 'connector' ? this.#connectors : this.#edges
      if (all.get(id) !== connected) return
      all.delete(id)
      if (role === 'connector' && connected.state !== 'draining') this.returning.lost(id)
      return
    }
    const set = this.#clients.get(id)
    set?.delete(connected)
    if (set?.size === 0) this.#clients.delete(id)
  }

  /** A connector dialled an application and says how it went. */
  reached(connector: string, to: Application, failed: { code: string } | undefined, nowMs: number): void {
    const key = keyOf(connector, to)
    this.#unreachable.delete(key) // Set anew it comes last: the first are the oldest.
    if (failed === undefined) return
    this.#unreachable.set(key, { code: failed.code, untilMs: nowMs + UNREACHABLE_MS })
    if (this.#unreachable.size > MAX_UNREACHABLE) {
      this.#unreachable.delete(this.#unreachable.keys().next().value!)
    }
  }

  unreachable(connector: string, to: Application, nowMs: number): { code: string } | undefined {
    const met = this.#unreachable.get(keyOf(connector, to))
    if (met === undefined) return undefined
    if (met.untilMs > nowMs) return { code: met.code }
    this.#unreachable.delete(keyOf(connector, to))
    return undefined
  }
}

const NONE: ReadonlySet<Connected> = new Set()

function keyOf(connector: string, { host, port }: Application): string {
  return `${connector} ${host} ${port}`
}
