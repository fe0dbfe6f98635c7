/**
 * Which connector of those behind a segment takes a session, and why not the others.
 *
 * @module
 */

import { rfc3339 } from '../base/clock.ts'
import type { PartingWhy } from '../base/parting.ts'
import { leftText } from './parting-text.ts'

export type CandidateState = 'connected' | 'healthy' | 'degraded' | 'draining' | 'disconnected' | 'disabled'

export interface Candidate {
  readonly id: string
  readonly name: string
  /** Connector group it is a member of. */
  readonly group: string
  /** Its group takes over only while no member of the others can. */
  readonly failover?: boolean
  readonly state: CandidateState
  /**
   * Of one that is disconnected: since when, whether it said goodbye and why, and how it was lost if it did not; nothing
   * where that is not known.
   */
  readonly left?: {
    readonly atMs: number
    readonly orderly: boolean
    readonly why?: PartingWhy
    readonly lost?: 'closed' | 'silent'
  }
  /** Open now, and those it was chosen for since it last told. */
  readonly sessions: number
  /** Of these, those that its load does not count yet. */
  readonly given?: number
  /** What its work took of its machine when it last told, 0…1; nothing before it told. */
  readonly load?: number
  /** It says that it is at the end of what it can carry: which figures. */
  readonly overloaded?: string
  /** It reached none of the applications that it was asked for last: what they had in common. Others come first. */
  readonly ailing?: string
  /** From client to connector over the best edge, microseconds; absent where it is not known. */
  readonly rttUs?: number
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
const OUT: Readonly<Record<CandidateState, string | undefined>> = {
  connected: undefined,
  healthy: undefined,
  degraded: undefined, // some applications do not answer it: which ones is said by `unreachable`
  draining: 'it is draining',
  disconnected: 'it is disconnected',
  disabled: 'it is disabled',
}

/** Differences below these are noise: what is alike by both is told apart by sessions. */
const RTT_STEP_MS = 5
const LOAD_STEP = 0.1
/** A connector ten percent fuller is worth this much of the way. */
const LOAD_STEP_COSTS_MS = 10
/** What one more is taken to bring: as much as one brings now, within these; the most, where nobody is there yet. */
const GIVEN_LOAD = { least: 0.005, most: 0.1 } as const

/** Candidates are the members of the connector groups attached to the segment. Pure: the same list, the same answer. */
export function selectConnector(candidates: readonly Candidate[]): Selection {
  const eligible: Candidate[] = []
  const excluded: { id: string; name: string; because: string }[] = []
  for (const candidate of candidates) {
    const because = whyNot(candidate)
    if (because === undefined) eligible.push(candidate)
    else excluded.push({ id: candidate.id, name: candidate.name, because })
  }
  const pool = bestPool(eligible, excluded)
  const wayOf = waysAmong(pool)
  const costOf = (of: Candidate) => wayOf(of) + loadCost(expectedLoad(of))
  const [chosen] = asNear(pool, wayOf).sort(byPreference(costOf))
  const [next] = pool.filter((of) => of !== chosen).sort(byPreference(costOf))
  if (chosen === undefined) {
    return { because: candidates.length === 0 ? 'there is no connector' : 'every connector is out', excluded }
  }
  return { chosen, because: `${tierText(chosen)}${reason(chosen, next, costOf)}`, excluded }
}

/**
 * Where a member reaches applications those that reach none stay out; where one is not overloaded, those that are; and
 * the failover tier while the native one serves. Any of them is better than nobody.
 */
function bestPool(
  eligible: readonly Candidate[],
  excluded: { id: string; name: string; because: string }[],
): Candidate[] {
  const sound = without(eligible, ({ ailing }) => ailing)
  const able = without(sound, ({ overloaded }) => overloaded)
  const native = able.filter(({ failover }) => failover !== true)
  const pool = native.length > 0 ? native : able
  for (const candidate of eligible) {
    if (pool.includes(candidate)) continue
    const { id, name, ailing, overloaded } = candidate
    const because = !sound.includes(candidate)
      ? `it could not reach any of the applications last requested: ${ailing}`
      : able.includes(candidate)
        ? 'its group is used only when no other group serves'
        : `it is overloaded: ${overloaded}`
    excluded.push({ id, name, because })
  }
  return [...pool]
}

/** Those without this trouble; where all have it, all. */
function without(
  candidates: readonly Candidate[],
  trouble: (of: Candidate) => string | undefined,
): readonly Candidate[] {
  const free = candidates.filter((one) => trouble(one) === undefined)
  return free.length > 0 ? free : candidates
}

function whyNot({ state, left, unreachable }: Candidate): string | undefined {
  if (state === 'disconnected' && left !== undefined) {
    const how = left.orderly ? leftText(left.why) : lostText(left.lost)
    return `it is disconnected: it ${how} at ${rfc3339(left.atMs)}`
  }
  if (unreachable?.code === 'APP_SILENT')
    return OUT[state] ?? 'the application does not answer it: APP_SILENT'
  return OUT[state] ?? (unreachable && `it cannot reach the application: ${unreachable.code}`)
}

/** Silence and an end that was seen are two stories: a cut way, and a process that is no more. */
export function lostText(lost: 'closed' | 'silent' | undefined): string {
  return lost === 'closed' ? 'exited without a goodbye' : 'stopped responding'
}

/** A tie falls to the smaller id, so that two control planes with one view choose alike. */
function byPreference(costOf: (of: Candidate) => number) {
  return (a: Candidate, b: Candidate): number =>
    costOf(a) - costOf(b) || a.sessions - b.sessions || (a.id < b.id ? -1 : 1)
}

/**
 * The best by what was told, and who is not farther by more than a step of load is worth: among these, and no others,
 * counts who was sent there since, so that a burst goes to all of them and nobody is sent far away for it.
 */
function asNear(pool: readonly Candidate[], wayOf: (of: Candidate) => number): Candidate[] {
  const [best] = [...pool].sort(byPreference((of) => wayOf(of) + loadCost(of.load ?? 0)))
  return pool.filter((of) => best !== undefined && wayOf(of) <= wayOf(best) + LOAD_STEP_COSTS_MS)
}

/** In milliseconds. Where the way to one is not known, ways count for none. */
function waysAmong(pool: readonly Candidate[]): (of: Candidate) => number {
  return pool.every(({ rttUs }) => rttUs !== undefined) ? way : () => 0
}

function way({ rttUs = 0 }: Candidate): number {
  return Math.floor(rttUs / 1000 / RTT_STEP_MS) * RTT_STEP_MS
}

function loadCost(load: number): number {
  return Math.floor(load / LOAD_STEP + 1e-9) * LOAD_STEP_COSTS_MS
}

/** What it told is of up to half a minute ago: whoever was sent there since would find it busier than that. */
function expectedLoad({ load = 0, given = 0, sessions }: Candidate): number {
  const counted = sessions - given
  const each = counted > 0 ? load / counted : GIVEN_LOAD.most
  return load + given * Math.min(GIVEN_LOAD.most, Math.max(GIVEN_LOAD.least, each))
}

function tierText({ failover, overloaded }: Candidate): string {
  const tier = failover === true ? 'failover, as no connector of the other groups is serving: ' : ''
  return overloaded === undefined ? tier : `${tier}overloaded, as all serving connectors are: `
}

function reason(chosen: Candidate, next: Candidate | undefined, costOf: (of: Candidate) => number): string {
  if (next === undefined) return `${chosen.name} is the only one eligible`
  if (costOf(chosen) !== costOf(next)) {
    return `${chosen.name} is ${placeText(chosen)}, ${next.name} ${placeText(next)}`
  }
  if (next.sessions === chosen.sessions) return `${chosen.name} and others have ${chosen.sessions} sessions`
  return `${chosen.name} has ${chosen.sessions} sessions, ${next.name} has ${next.sessions}`
}

function placeText({ rttUs, load, given = 0 }: Candidate): string {
  const away = rttUs === undefined ? undefined : `${Math.round(rttUs / 1000)} ms away`
  const since = given === 0 ? '' : ` and ${given} more since`
  const loaded = load === undefined ? undefined : `at ${Math.round(load * 100)} % load${since}`
  return [away, loaded].filter((text) => text !== undefined).join(' ') || 'not measured'
}
