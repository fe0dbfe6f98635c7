import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { placeOf } from '../../link/accept/origin.ts'
import { FailureBudget } from './failure-budget.ts'

export interface FailuresOptions {
  readonly clock: Pick<Clock, 'monotonicUs'>
  /** Of one place. A remote edge has ten times as many for all that it passes on. */
  readonly free: number
  readonly everyMs: number
}

const PLACES_OF_EDGE = 10

/**
 * Failures with secrets that nobody can guess: tokens, provisioning keys. They are looked up first, always: who has a
 * valid one is served whatever others do, and who fails too often hears that instead of why.
 */
export class Failures {
  readonly #byPlace: FailureBudget
  readonly #byEdge: FailureBudget

  constructor({ clock, free, everyMs }: FailuresOptions) {
    this.#byPlace = new FailureBudget({ clock, free, everyMs })
    this.#byEdge = new FailureBudget({
      clock,
      free: free * PLACES_OF_EDGE,
      everyMs: everyMs / PLACES_OF_EDGE,
    })
  }

  /** Counts one. @throws {Fault} RATE_LIMITED with `seen.retryAfterS` where that is one too many. */
  failed(from: string): void {
    const { place, via } = placeOf(from)
    const shares: [FailureBudget, string][] = [[this.#byPlace, place]]
    if (via !== undefined) shares.push([this.#byEdge, via])
    const full = shares.find(([budget, key]) => budget.waitMs(key) > 0)
    if (full === undefined) {
      for (const [budget, key] of shares) budget.take(key)
      return
    }
    const [budget, key] = full
    throw tooManyFailed(`from ${budget === this.#byPlace ? from : `edge ${key}`}`, budget.waitMs(key))
  }
}

export function tooManyFailed(of: string, waitMs: number): Fault {
  const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000))
  return new Fault('RATE_LIMITED', `too many failed attempts ${of}: wait ${retryAfterS} s`, {
    seen: { retryAfterS },
  })
}
