/**
 * How long to wait before reconnect attempt `attempt`.
 *
 * Full jitter, so that agents cut off by one edge restart do not return as one wave.
 * Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015), variant "Full Jitter".
 *
 * @param attempt Failed attempts so far, 0 before the first.
 * @param random Uniform in [0, 1); tests pass a constant.
 * @returns Milliseconds, in [0, min(capMs, baseMs * 2 ** attempt)).
 * @throws {RangeError} if `attempt` is negative or not an integer.
 */
export function backoffMs(
  attempt: number,
  { baseMs = 250, capMs = 30_000, random = Math.random } = {},
): number {
  if (!Number.isInteger(attempt) || attempt < 0) {
    throw new RangeError(`Cannot compute backoff as attempt must be an integer >= 0: got ${attempt}`)
  }
  return Math.floor(random() * Math.min(capMs, baseMs * 2 ** attempt))
}
