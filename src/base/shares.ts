/**
 * Who holds how much of something there is an end of, and who asks how often.
 *
 * A pool is shared by what is free: each may hold a multiple of what nobody holds (the weight of its row). Alone, with
 * weight 2, somebody gets two thirds; of many that want all, each gets as much as the others; and whatever they do, a
 * part stays free for who comes next. So nobody is held to a small fixed share while there is plenty, whoever holds most
 * is refused first, and nothing has to be counted but who holds what now.
 *
 * @module
 */
import { Fault, type FaultCode, type Hop } from './faults.ts'

/** By whom it is counted. */
export type Principal = 'device' | 'user' | 'agent' | 'connector' | 'token' | 'address' | 'edge'

interface NamedResource {
  /** In the plural, as in `pipes under way`. */
  readonly resource: string
  /** Told to whoever is over its share. */
  readonly code: FaultCode
  readonly hop: Hop
}

/** What one of a kind may hold: this multiple of what is free, and never more than `most`. */
export interface ShareOf {
  readonly by: Principal
  readonly weight: number
  readonly most?: number
}

export interface PoolRow extends NamedResource {
  /** All there is for them; what the process needs for itself is not in it. */
  readonly of: number
  /** The narrow kind first: a device, then its user. */
  readonly shares: readonly [ShareOf, ShareOf?]
}

export interface RateOf {
  readonly by: Principal
  readonly burst: number
  readonly perSecond: number
}

export interface RateRow extends NamedResource {
  readonly rates: readonly [RateOf, RateOf?]
}

/** Was it refused because somebody has its share? Who, and of what, is in its evidence. */
export function isOverShare({ seen }: Fault): boolean {
  return seen.resource !== undefined && seen.principal !== undefined
}

/** What other processes hold of the same: those that hold most by name. */
export interface HeldElsewhere {
  readonly taken: number
  readonly most: readonly (readonly [principal: string, held: number])[]
}

/** Together. */
export function sumOfHeld(all: readonly HeldElsewhere[]): HeldElsewhere {
  const held = new Map<string, number>()
  for (const { most } of all) for (const [who, n] of most) held.set(who, (held.get(who) ?? 0) + n)
  return { taken: all.reduce((sum, { taken }) => sum + taken, 0), most: [...held] }
}

/** Whoever holds less than these is over no share before all is gone. */
const MAX_TOLD = 256

/** Costs an entry for each that holds something now, and nothing afterwards. */
export class Pool {
  readonly #row: PoolRow
  readonly #of: number
  readonly #held = new Map<string, number>()
  readonly #whole: number
  #taken = 0
  #takenElsewhere = 0
  #heldElsewhere: ReadonlyMap<string, number> = new Map()

  /**
   * @param of All there is for this process, where the machine says so.
   * @param whole All there is for all processes that tell each other what they hold.
   */
  constructor(row: PoolRow, of = row.of, whole = of) {
    this.#row = row
    this.#of = Math.max(1, of)
    this.#whole = Math.max(1, whole)
  }

  /** As of now, for other processes. */
  told(): HeldElsewhere {
    const most = [...this.#held].sort(([, a], [, b]) => b - a).slice(0, MAX_TOLD)
    return { taken: this.#taken, most }
  }

  /** What others hold is theirs, until they say otherwise. */
  elsewhere({ taken, most }: HeldElsewhere): void {
    this.#takenElsewhere = taken
    this.#heldElsewhere = new Map(most)
  }

  get #free(): number {
    return Math.min(this.#of - this.#taken, this.#whole - this.#taken - this.#takenElsewhere)
  }

  #heldAnywhere(principal: string): number {
    return this.heldBy(principal) + (this.#heldElsewhere.get(principal) ?? 0)
  }

  get taken(): number {
    return this.#taken
  }

  heldBy(principal: string): number {
    return this.#held.get(principal) ?? 0
  }

  /** Could it take one more now? */
  mayTake(narrow: string, wide?: string): boolean {
    const [first, second] = this.#row.shares
    const free = this.#free
    if (free <= 0 || this.#heldAnywhere(narrow) >= mostOf(first, free)) return false
    return second === undefined || wide === undefined || this.#heldAnywhere(wide) < mostOf(second, free)
  }

  /** One for `narrow`, which counts for `wide` as well; given back with the same names. @throws {Fault} the code of the row. */
  take(narrow: string, wide?: string): void {
    if (!this.mayTake(narrow, wide)) throw this.refusal(narrow, wide)
    this.#taken++
    this.#held.set(narrow, this.heldBy(narrow) + 1)
    if (wide !== undefined) this.#held.set(wide, this.heldBy(wide) + 1)
  }

  give(narrow: string, wide?: string): void {
    this.#taken--
    this.#give(narrow)
    if (wide !== undefined) this.#give(wide)
  }

  /** Why `take` would throw. */
  refusal(narrow: string, wide?: string): Fault {
    const { resource, code, hop, shares } = this.#row
    const of = Math.min(this.#of, this.#whole)
    const free = this.#free
    if (free <= 0) {
      return new Fault(code, `${resource}: all ${of} are in use`, { hop, seen: { resource, of } })
    }
    const [first, second] = shares
    const isNarrow = this.#heldAnywhere(narrow) >= mostOf(first, free)
    const by = isNarrow ? first.by : second!.by
    const principal = isNarrow ? narrow : wide!
    const held = this.#heldAnywhere(principal)
    const all = Number.isFinite(of) ? `of ${of} ` : ''
    const detail = `${resource}: ${by} ${principal} holds ${held} ${all}and may not hold more`
    const seen = { resource, by, principal, held }
    return new Fault(code, detail, {
      hop,
      seen: code === 'RATE_LIMITED' ? { ...seen, retryAfterS: 1 } : seen,
    })
  }

  #give(principal: string): void {
    const left = this.heldBy(principal) - 1
    if (left > 0) this.#held.set(principal, left)
    else this.#held.delete(principal)
  }
}

function mostOf({ weight, most = Number.POSITIVE_INFINITY }: ShareOf, free: number): number {
  return Math.min(most, weight * free)
}

/** Some megabytes of names, however many come: who is forgotten early has its burst again. */
const MAX_KNOWN = 100_000

/** How often each may ask: a burst at once, and then at a pace. Costs a number for each that asked lately. */
export class Rate {
  readonly #row: RateRow
  readonly #nowMs: () => number
  /** By whom, when all that was asked for is worked off at the pace, in milliseconds. */
  #busyUntilMs = new Map<string, number>()
  /** Of those who have not asked since the last turn. */
  #before = new Map<string, number>()
  /** After this time nothing is left to work off. */
  readonly #turnMs: number
  #turnedMs: number

  constructor(row: RateRow, nowMs = () => performance.now()) {
    this.#row = row
    this.#nowMs = nowMs
    this.#turnedMs = nowMs()
    this.#turnMs = Math.max(...row.rates.map((rate) => ((rate?.burst ?? 0) * 1000) / (rate?.perSecond ?? 1)))
  }

  /** Those that are remembered. */
  get known(): number {
    return this.#busyUntilMs.size + this.#before.size
  }

  /** @throws {Fault} the code of the row, with `seen.retryAfterS`. */
  take(narrow: string, wide?: string): void {
    const [first, second] = this.#row.rates
    const nowMs = this.#nowMs()
    this.#check(first, narrow, nowMs)
    if (second !== undefined && wide !== undefined) {
      this.#check(second, wide, nowMs)
      this.#count(second, wide, nowMs)
    }
    this.#count(first, narrow, nowMs)
  }

  /** As `take`, where nobody is told. */
  allows(narrow: string, wide?: string): boolean {
    const [first, second] = this.#row.rates
    const nowMs = this.#nowMs()
    if (this.#waitMs(first, narrow, nowMs) > 0) return false
    if (second !== undefined && wide !== undefined) {
      if (this.#waitMs(second, wide, nowMs) > 0) return false
      this.#count(second, wide, nowMs)
    }
    this.#count(first, narrow, nowMs)
    return true
  }

  #waitMs({ burst, perSecond }: RateOf, principal: string, nowMs: number): number {
    return this.#untilMs(principal, nowMs) - nowMs - ((burst - 1) * 1000) / perSecond
  }

  #untilMs(principal: string, nowMs: number): number {
    return Math.max(nowMs, this.#busyUntilMs.get(principal) ?? this.#before.get(principal) ?? nowMs)
  }

  #check(rate: RateOf, principal: string, nowMs: number): void {
    const waitMs = this.#waitMs(rate, principal, nowMs)
    if (waitMs <= 0) return
    const { resource, code, hop } = this.#row
    const { by, burst, perSecond } = rate
    const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000))
    const pace = perSecond < 1 ? `one in ${Math.round(1 / perSecond)} s` : `${perSecond} a second`
    const allowed = `more than ${burst} at once and ${pace}`
    throw new Fault(code, `${resource}: ${by} ${principal} asks for ${allowed}: wait ${retryAfterS} s`, {
      hop,
      seen: { resource, by, principal, retryAfterS },
    })
  }

  #count({ perSecond }: RateOf, principal: string, nowMs: number): void {
    const untilMs = this.#untilMs(principal, nowMs) + 1000 / perSecond
    if (nowMs - this.#turnedMs > this.#turnMs || this.#busyUntilMs.size >= MAX_KNOWN / 2) {
      this.#before = nowMs - this.#turnedMs > 2 * this.#turnMs ? new Map() : this.#busyUntilMs
      this.#busyUntilMs = new Map()
      this.#turnedMs = nowMs
    }
    this.#busyUntilMs.set(principal, untilMs)
  }
}
