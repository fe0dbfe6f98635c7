/**
 * Which lane a destination takes: a session through a tunnel, or straight out from this device. Chosen here for every
 * entry, and nowhere else: whatever opens a connection takes what only LaneChooser makes, so an entry that forgot to ask
 * would not compile.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import { type LaneRules, laneOf, NO_LANES } from '../../policy/lanes.ts'
import type { Destination } from '../address/destination.ts'
import type { EntryKind } from './decisions.ts'

/** Entries that open connections. */
export type OpeningEntry = Exclude<EntryKind, 'local'>

/** Whether what comes in by an entry may leave straight. What may not is asked of the control plane, whatever it is. */
const HAS_INTERNET_LANE = {
  socks5: true,
  'http-connect': true,
  http: true,
  // Whoever forwards a port or names one destination means a private application.
  forward: false,
  stdio: false,
  // Internet rules are of connections.
  'socks5-udp': false,
  'forward-udp': false,
  // It asks what would become of a connection of a program.
  trace: true,
} as const satisfies Record<OpeningEntry, boolean>

/** Has no name outside, so nobody else can make a lane. */
const CHOSEN = Symbol('chosen')

interface Chosen {
  readonly to: Destination
  readonly entry: OpeningEntry
  readonly [CHOSEN]: true
}

export interface PrivateLane extends Chosen {
  readonly lane: 'private'
  /** An internet rule names it alike. */
  readonly alsoInternet?: string
}

export interface InternetLane extends Chosen {
  readonly lane: 'internet'
  /** What the rule names, and the rule. */
  readonly pattern: string
  readonly rule: string
}

/** What an entry has to be ready for. */
export type LaneFor<Entry extends OpeningEntry> = (typeof HAS_INTERNET_LANE)[Entry] extends false
  ? PrivateLane
  : PrivateLane | InternetLane

export class LaneChooser {
  #rules: LaneRules = NO_LANES

  /** As the control plane has told them. */
  get rules(): LaneRules {
    return this.#rules
  }

  /** From now on these. */
  set(rules: LaneRules): void {
    this.#rules = rules
  }

  choose<Entry extends OpeningEntry>(to: Destination, entry: Entry): LaneFor<Entry> {
    return this.#choose(to, entry) as LaneFor<Entry>
  }

  #choose(to: Destination, entry: OpeningEntry): PrivateLane | InternetLane {
    const chosen = { to, entry, [CHOSEN]: true } as const
    if (this.#rules.bypass.length === 0) return { ...chosen, lane: 'private' }
    const found = laneOf(to.host, this.#rules)
    if (found.is === 'both') return { ...chosen, lane: 'private', alsoInternet: found.rule }
    if (found.is === 'private' || !HAS_INTERNET_LANE[entry]) return { ...chosen, lane: 'private' }
    return { ...chosen, lane: 'internet', pattern: found.pattern, rule: found.rule }
  }

  /** Names that both lanes claim: what is private stays so, and an admin should know. */
  get note(): Fault | undefined {
    const claimed = new Set(this.#rules.claimed)
    const both = this.#rules.bypass.filter(({ pattern }) => claimed.has(pattern))
    if (both.length === 0) return undefined
    const names = both.map(({ pattern, rule }) => `${pattern} (internet rule ${rule})`)
    return new Fault('NAME_IN_TWO_LANES', `also claimed by segment ${names.join(', ')}: it stays private`, {
      seen: { names: both.map(({ pattern }) => pattern) },
    })
  }
}
