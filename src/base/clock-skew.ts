/**
 * How far a clock is off, in one form of words for the doctor, the lists of the server and what daemons say themselves.
 *
 * @module
 */
import { span } from './span.ts'

/** More than certificates and tickets bear for long; far less than what breaks them at once. */
export const MAX_SKEW_MS = 60_000

/** @param slowMs How far it is behind the clock it is compared with; negative is ahead. */
export function offText(slowMs: number): string {
  return `${span(slowMs)} ${slowMs >= 0 ? 'slow' : 'fast'}`
}

/** Where it is off by more than it may be. */
export function skewText(slowMs: number | undefined, against = 'the server'): string | undefined {
  if (slowMs === undefined || Math.abs(slowMs) <= MAX_SKEW_MS) return undefined
  return `${offText(slowMs)} against ${against}`
}
