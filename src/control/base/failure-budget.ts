import type { Clock } from '../../base/clock.ts'

export interface FailureBudgetOptions {
  readonly clock: Pick<Clock, 'monotonicUs'>
  /** Failures at once. */
  readonly free: number
  /** Then one more each time this has passed. */
  readonly everyMs: number
}

interface Spent {
  count: number
  /** Monotonic: a clock that is set forgives nobody, and locks nobody out. */
  atMs: number
}

/** Attackers choose keys: there is an end to how many are kept. Who fails again is kept longest. */
const MAX_KEYS = 10_000
/** Of so many that were tried longest ago the one with least to forgive goes: many names do not make one forgotten. */
const LOOKED_AT = 16

/**
 * How many failures each key may have. One is taken before an attempt and given back unless it failed, so that attempts
 * at the same time are no more than those one by one.
 */
export class FailureBudget {
  readonly everyMs: number
  readonly #o: FailureBudgetOptions
  readonly #spent = new Map<string, Spent>()

  constructor(options: FailureBudgetOptions) {
    this.#o = options
    this.everyMs = options.everyMs
  }

  /** Failures of this key that are not forgiven yet, and attempts of it under way. */
  spent(key: string): number {
    const spent = this.#spent.get(key)
    if (spent === undefined) return 0
    const passedMs = this.#nowMs() - spent.atMs
    return Math.max(0, spent.count - passedMs / this.everyMs)
  }

  /** Until one can be taken; 0 for now. */
  waitMs(key: string): number {
    return Math.max(0, this.spent(key) + 1 - this.#o.free) * this.everyMs
  }

  /** Whether or not there was one left. */
  take(key: string): void {
    this.#set(key, this.spent(key) + 1)
    if (this.#spent.size > MAX_KEYS) this.#forgetOne()
  }

  giveBack(key: string): void {
    this.#set(key, this.spent(key) - 1)
  }

  #forgetOne(): void {
    const oldest = this.#spent.keys().take(LOOKED_AT).toArray()
    this.#spent.delete(oldest.reduce((least, key) => (this.spent(key) < this.spent(least) ? key : least)))
  }

  #set(key: string, count: number): void {
    this.#spent.delete(key) // To the end: the map is in order of the last attempt.
    if (count > 0) this.#spent.set(key, { count, atMs: this.#nowMs() })
  }

  #nowMs(): number {
    return this.#o.clock.monotonicUs() / 1000
  }
}
