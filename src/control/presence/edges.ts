/**
 * The edges there are: the home edge, next to the control plane, and those elsewhere that are connected.
 * Which of them carries a pipe is decided in policy/edge-choice.ts.
 *
 * @module
 */
import { HOME_EDGE } from '../../api/kinds.ts'
import { Fault } from '../../base/faults.ts'
import type { Peer } from '../../pki/verify.ts'
import { chooseEdge, type EdgeCandidate } from '../../policy/edge-choice.ts'
import type { Store } from '../../store/store.ts'
import {
  type AgentMessage,
  type FaultMessage,
  type KnownEdge,
  MAX_EDGES,
  type PipeTicket,
} from '../../wire/control.ts'
import { KNOWS_SHARDS } from '../../wire/shard.ts'
import { whyUnreadable } from '../base/policy-objects.ts'
import type { Connected, Presence } from './presence.ts'

type EdgesSeen = Extract<AgentMessage, { type: 'edges' }>
type EdgeStatus = Extract<AgentMessage, { type: 'edge-status' }>

/** Where halves are brought to. */
export type EdgeForPipe = PipeTicket['edge']

/** The edge next to the control plane. The port is known once it listens. */
export interface HomeEdge {
  readonly id: string
  readonly host: string
  port: number
  /** SHA-256 of the secret that it enrols with, hex: made anew at each start of the control plane. */
  readonly secretHash: string
}

/** As many pipes are remembered with the reason for their edge as sessions are likely to be reported of. */
const MAX_REASONS = 10_000

export interface EdgesDeps {
  readonly store: Pick<Store, 'objects' | 'edges'>
  readonly presence: Presence
  readonly home: HomeEdge
}

export class Edges {
  readonly #deps: EdgesDeps
  /** Enabled and enrolled, in order of name; the home edge first, whatever became of its object. */
  #registered: readonly KnownEdge[] = []
  #disabled: ReadonlySet<string> = new Set()
  /** Of the edges that are registered: SHA-256 of the public key that each enrolled with last, hex. */
  #keys: ReadonlyMap<string, string> = new Map()
  readonly #because = new Map<string, { edgeName: string; edgeBecause: string }>()

  constructor(deps: EdgesDeps) {
    this.#deps = deps
  }

  /** Reads what is registered. */
  async refresh(): Promise<void> {
    const { store, home } = this.#deps
    let first: KnownEdge = { ...this.via(home.id), name: HOME_EDGE, region: '' }
    const found: KnownEdge[] = []
    const disabled = new Set<string>()
    const keys = new Map<string, string>()
    for (const stored of await store.objects.all('edge')) {
      const { id, name, spec } = stored
      const { host, port, region, addresses = [], enabled } = spec
      const edge = { id, name, region, host, port, ...(addresses.length > 0 && { addresses }) }
      const isReadable = whyUnreadable(stored) === undefined
      if (id === home.id) first = isReadable ? edge : first
      else if (!enabled || !isReadable) {
        disabled.add(id)
        continue
      }
      const enrolled = await store.edges.byId(id)
      if (enrolled === undefined) continue
      keys.set(id, enrolled.publicKeyHash)
      if (id !== home.id) found.push(edge)
    }
    this.#registered = [first, ...found]
    this.#disabled = disabled
    this.#keys = keys
  }

  /** For agents: every edge, as far as they can measure so many, and which of them takes nobody now. */
  list(): KnownEdge[] {
    const { presence } = this.#deps
    return this.#registered.slice(0, MAX_EDGES).map((edge) => {
      const out = this.#out(edge.id)
      const controlPort = presence.edge(edge.id)?.controlPort
      return { ...edge, ...(controlPort && { controlPort }), ...(out && { out }) }
    })
  }

  /** May this edge pass connections on to here? Whoever held the identity before it was enrolled anew may not. */
  admits({ identity: { id }, publicKeyHash }: Pick<Peer, 'identity' | 'publicKeyHash'>): boolean {
    return this.#keys.get(id) === publicKeyHash
  }

  /** `degraded`: it carries pipes, and says what it does so in spite of. */
  stateOf(id: string): 'serving' | 'degraded' | 'draining' | 'away' | 'disabled' {
    if (this.#disabled.has(id)) return 'disabled'
    return this.#out(id) ?? (this.notesOf(id).length > 0 ? 'degraded' : 'serving')
  }

  /** By its own account, while it is connected. */
  notesOf(id: string): readonly FaultMessage[] {
    return this.#deps.presence.edge(id)?.notes ?? []
  }

  nameOf(id: string): string {
    return this.#registered.find((edge) => edge.id === id)?.name ?? id
  }

  /** Of an agent, for people: the edge it came in by, and those it has told of. */
  namesFor({ via, edges }: Pick<Connected, 'via' | 'edges'>) {
    const edgesSeen = [...edges].map(([id, found]) => ({ id, name: this.nameOf(id), ...found }))
    return { edge: { id: via, name: this.nameOf(via) }, edgesSeen }
  }

  /** Where a connection came in. */
  via(id: string): EdgeForPipe {
    const edge = this.#registered.find((one) => one.id === id) ?? this.#deps.home
    return { id: edge.id, host: edge.host, port: edge.port }
  }

  /** What an agent has measured. */
  seen(agent: Connected, { seen }: EdgesSeen): void {
    agent.edges = new Map(
      seen.map(({ edge, rttUs, fault }) => [
        edge,
        {
          rttUs,
          code: rttUs === undefined ? fault?.code : undefined,
          leastUs: least(agent.edges.get(edge)?.leastUs, rttUs),
        },
      ]),
    )
  }

  /** @returns whether agents should hear of it. */
  status(edge: Connected, { state, pipes, controlPort, notes }: EdgeStatus): boolean {
    const before = edge.state
    const moved = edge.controlPort !== controlPort
    edge.controlPort = controlPort
    edge.state = state === 'draining' ? 'draining' : 'healthy'
    edge.tunnels = pipes
    edge.notes = notes
    return moved || (before === 'draining') !== (edge.state === 'draining')
  }

  /**
   * The edge for a pipe between two agents.
   *
   * @throws {Fault} EDGE_DRAINING if no edge takes pipes now.
   */
  choose(client: Connected, connector: Connected): { edge: EdgeForPipe; because: string } {
    const candidates = this.#registered.map(
      ({ id, name }): EdgeCandidate => ({ id, name, out: this.#out(id) }),
    )
    const { chosen, because } = chooseEdge(candidates, client.edges, connector.edges)
    if (chosen === undefined) throw new Fault('EDGE_DRAINING', because)
    return { edge: this.via(chosen), because }
  }

  /** Does it take tickets with a shard? Unknown while its own connection is on its way back: then it gets none. */
  knowsShards(id: string): boolean {
    return knowsShards(this.#deps.presence.edge(id))
  }

  /** Remembers why a pipe goes where it goes, for the records of its sessions. */
  remember(pipe: string, edgeId: string, edgeBecause: string): void {
    this.#because.set(pipe, { edgeName: this.nameOf(edgeId), edgeBecause })
    if (this.#because.size > MAX_REASONS) this.#because.delete(this.#because.keys().next().value!)
  }

  reasonFor(pipe: string | undefined): { edgeName: string; edgeBecause: string } | undefined {
    return pipe === undefined ? undefined : this.#because.get(pipe)
  }

  #out(id: string): 'away' | 'draining' | undefined {
    const edge = this.#deps.presence.edge(id)
    // Whoever is connected came by the home edge: it is there, also while its own connection is on its way back.
    if (edge === undefined) return id === this.#deps.home.id ? undefined : 'away'
    return edge.state === 'draining' ? 'draining' : undefined
  }
}

export function knowsShards(agent: Pick<Connected, 'knows'> | undefined): boolean {
  return agent?.knows?.includes(KNOWS_SHARDS) === true
}

function least(before: number | undefined, now: number | undefined): number | undefined {
  return before === undefined || now === undefined ? (now ?? before) : Math.min(before, now)
}
