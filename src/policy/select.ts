/**
 * Which connector of those behind a segment takes a session, and why not the others.
 *
 * @module
 */

export type ConnectorState = 'connected' | 'healthy' | 'degraded' | 'draining' | 'disconnected' | 'disabled'

export interface Candidate {
  readonly id: string
  readonly name: string
  /** Connector group it is a member of. */
  readonly group: string
  readonly state: ConnectorState
  /** Open now. */
  readonly sessions: number
  /** Known not to reach the application of this segment, with the fault code it reported. */
  readonly unreachable?: { readonly code: string }
}

export interface Selection {
  readonly chosen?: Candidate
  /** For people: what decided. */
  readonly because: string
  readonly excluded: readonly { readonly id: string; readonly name: string; readonly because: string }[]
}

/** Why a state takes no new session; undefined: it does. */
const OUT: Readonly<Record<ConnectorState, string | undefined>> = {
  connected: undefined,
  healthy: undefined,
  degraded: undefined, // some applications do not answer it: which ones is said by `unreachable`
  draining: 'it is draining',
  disconnected: 'it is disconnected',
  disabled: 'it is disabled',
}

/** Candidates are the members of the connector groups attached to the segment. Pure: the same list, the same answer. */
export function selectConnector(candidates: readonly Candidate[]): Selection {
  const eligible: Candidate[] = []
  const excluded: { id: string; name: string; because: string }[] = []
  for (const candidate of candidates) {
    const because = whyNot(candidate)
    if (because === undefined) eligible.push(candidate)
    else excluded.push({ id: candidate.id, name: candidate.name, because })
  }
  const [chosen, next] = eligible.sort(byPreference)
  if (chosen === undefined) {
    return { because: candidates.length === 0 ? 'there is no connector' : 'every connector is out', excluded }
  }
  return { chosen, because: reason(chosen, next), excluded }
}

function whyNot({ state, unreachable }: Candidate): string | undefined {
  return OUT[state] ?? (unreachable && `it does not reach the application: ${unreachable.code}`)
}

/** A tie falls to the smaller id, so that two control planes with one view choose alike. */
function byPreference(a: Candidate, b: Candidate): number {
  return a.sessions - b.sessions || (a.id < b.id ? -1 : 1)
}

function reason(chosen: Candidate, next: Candidate | undefined): string {
  if (next === undefined) return `${chosen.name} is the only one eligible`
  if (next.sessions === chosen.sessions) return `${chosen.name} and others have ${chosen.sessions} sessions`
  return `${chosen.name} has ${chosen.sessions} sessions, ${next.name} has ${next.sessions}`
}
