/**
 * Values of one metric of one entry out of the rounds of a workload.
 *
 * @module
 */
import type { Result } from './rounds.ts'
import { spread } from './statistics.ts'

/** A hole for each round that has none. */
export function series(result: Result, entry: string, metric: string): (number | undefined)[] {
  return result.rounds.map((round) => round.samples[entry]?.[metric])
}

export function medianOf(result: Result | undefined, entry: string, metric: string): number | undefined {
  return result && spread(present(series(result, entry, metric)))?.median
}

export function present(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined)
}
