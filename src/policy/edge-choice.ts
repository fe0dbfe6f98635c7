/**
 * Which edge is used: by an agent for its control connection, and by the control plane for a pipe. Pure.
 *
 * @module
 */

/** An edge, and how far it is from one agent. */
export interface EdgeDistance {
  readonly id: string
  readonly name: string
  /** Absent: not measured, or not reached. */
  readonly rttUs?: number
  /** Why it was not reached. */
  readonly code?: string
}

/** Another edge must be better by both, or an agent between two would move to and fro. */
export const BETTER_BY_SHARE = 0.2
export const BETTER_BY_US = 5000

/** Is `rttUs` so much less than `than` that moving is worth it? */
export function isClearlyNearer(rttUs: number, than: number): boolean {
  return rttUs <= than * (1 - BETTER_BY_SHARE) && rttUs <= than - BETTER_BY_US
}

/**
 * The edge an agent should be at: the nearest that answers; the one it is at now while no other is clearly nearer.
 *
 * @returns undefined if none answered.
 */
export function nearestEdge<E extends EdgeDistance>(
  edges: readonly E[],
  current: string | undefined,
): E | undefined {
  const nearest = edges
    .filter(({ rttUs }) => rttUs !== undefined)
    .sort((a, b) => a.rttUs! - b.rttUs! || (a.id < b.id ? -1 : 1))[0]
  const now = edges.find(({ id, rttUs }) => id === current && rttUs !== undefined)
  if (nearest === undefined || now === undefined) return nearest
  return isClearlyNearer(nearest.rttUs!, now.rttUs!) ? nearest : now
}

/** What one end of a pipe has told of edges, by edge id. */
export type Reachability = ReadonlyMap<
  string,
  {
    readonly rttUs?: number
    readonly code?: string
    /** The least of this connection: a busy processor makes a way look longer, and never shorter. */
    readonly leastUs?: number
  }
>

export interface EdgeCandidate {
  readonly id: string
  readonly name: string
  /** It cannot take pipes now: draining, or away. */
  readonly out?: string
}

export interface EdgeSelection {
  /** Undefined only where there is no candidate that is not out. */
  readonly chosen?: string
  readonly because: string
  readonly excluded: readonly { readonly id: string; readonly name: string; readonly because: string }[]
}

interface Weighed {
  readonly edge: EdgeCandidate
  readonly client?: number
  readonly connector?: number
}

/**
 * The edge of one pipe: the shortest way from client to connector over an edge that both reach. An end that has not
 * told yet is passed over: then the way of the other alone decides; and where nobody has told, the first candidate.
 */
export function chooseEdge(
  candidates: readonly EdgeCandidate[],
  client: Reachability,
  connector: Reachability,
): EdgeSelection {
  const excluded: { id: string; name: string; because: string }[] = []
  const able: Weighed[] = []
  for (const edge of candidates) {
    const at = { client: client.get(edge.id), connector: connector.get(edge.id) }
    const why =
      edge.out ??
      unreached('the client', client, at.client) ??
      unreached('the connector', connector, at.connector)
    if (why !== undefined) excluded.push({ id: edge.id, name: edge.name, because: why })
    else able.push({ edge, client: at.client?.rttUs, connector: at.connector?.rttUs })
  }
  const [best, next] = able.sort((a, b) => cost(a) - cost(b))
  if (best !== undefined) return { chosen: best.edge.id, because: why(best, next), excluded }
  // What ends told may be old by now: an edge that is there is better than none.
  const left = candidates.find(({ out }) => out === undefined)
  const reasons = excluded.map(({ name, because }) => `${name}: ${because}`).join('; ')
  if (left === undefined) return { because: `no edge accepts pipes: ${reasons || 'there is none'}`, excluded }
  return {
    chosen: left.id,
    because: `edge ${left.name}: no edge is known to be reachable by both (${reasons})`,
    excluded,
  }
}

/** An end that has told of no edge at all is one that has not measured yet. */
function unreached(
  who: string,
  told: Reachability,
  of: { readonly rttUs?: number; readonly code?: string } | undefined,
): string | undefined {
  if (told.size === 0 || of?.rttUs !== undefined) return undefined
  return `${who} cannot reach it: ${of?.code ?? 'not measured yet'}`
}

function cost({ client = 0, connector = 0 }: Weighed): number {
  return client + connector
}

function why(best: Weighed, next: Weighed | undefined): string {
  const { name } = best.edge
  if (best.client === undefined && best.connector === undefined) {
    return `edge ${name}: neither end has measured yet`
  }
  const way =
    best.client === undefined || best.connector === undefined
      ? `${ms(cost(best))} to the ${best.client === undefined ? 'connector' : 'client'}, the other end has not measured yet`
      : `${ms(best.client)} to the client + ${ms(best.connector)} to the connector`
  return next === undefined
    ? `edge ${name}: ${way}`
    : `edge ${name}: ${way}; next ${next.edge.name} ${ms(cost(next))}`
}

/** An edge as an agent knows it when it judges whether it is where it should be. */
export interface JudgedEdge extends EdgeDistance {
  readonly region: string
  /** From an earlier measurement, where nothing answers now. */
  readonly knownRttUs?: number
}

export interface FarEdge {
  readonly chosen: JudgedEdge
  /** Those that should be used instead, nearest first, each with the reason why it is not. */
  readonly nearer: readonly { readonly edge: JudgedEdge; readonly because: string }[]
}

/**
 * Is there an edge that would be nearer than the one in use, and why is it not used? By what was measured before, or,
 * where it never was, by the region that both are said to be in.
 *
 * @param region Of the agent; empty where nobody has said.
 * @param pinned Who set the edge by hand, if somebody did: then a nearer one that answers is no choice either.
 */
export function judgeEdge(
  edges: readonly JudgedEdge[],
  current: string,
  { region = '', pinned }: { region?: string; pinned?: string } = {},
): FarEdge | undefined {
  const chosen = edges.find(({ id }) => id === current)
  if (chosen === undefined) return undefined
  const nearer = edges.flatMap((edge) => {
    if (edge === chosen) return []
    if (edge.rttUs !== undefined && edge.code === undefined) {
      const would =
        pinned !== undefined && chosen.rttUs !== undefined && isClearlyNearer(edge.rttUs, chosen.rttUs)
      return would ? [{ edge, because: `answers, but another is set by ${pinned}` }] : []
    }
    return isKnownNearer(edge, chosen, region) ? [{ edge, because: edge.code ?? 'not measured yet' }] : []
  })
  if (nearer.length === 0) return undefined
  const known = ({ edge }: { edge: JudgedEdge }) => edge.rttUs ?? edge.knownRttUs ?? 0
  return { chosen, nearer: nearer.sort((a, b) => known(a) - known(b)) }
}

function isKnownNearer(edge: JudgedEdge, chosen: JudgedEdge, region: string): boolean {
  if (edge.code === undefined) return false
  const us = edge.rttUs ?? edge.knownRttUs
  if (us !== undefined && chosen.rttUs !== undefined) return isClearlyNearer(us, chosen.rttUs)
  return region !== '' && edge.region === region && chosen.region !== region
}

/** For people: `2.4 ms`. */
export function ms(us: number): string {
  return `${us < 10_000 ? (us / 1000).toFixed(1) : Math.round(us / 1000)} ms`
}
