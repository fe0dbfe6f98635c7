/** Time as parts of the program see it, so that tests can hold it still. */
export interface Clock {
  /** Unix time in milliseconds: for people, certificates and tokens. Never for measuring. */
  nowMs(): number
  /** Monotonic microseconds since an arbitrary start: for measuring and leases. */
  monotonicUs(): number
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicUs: () => Math.round(performance.now() * 1000),
}

/** RFC 3339 UTC with milliseconds. */
export function rfc3339(unixMs: number): string {
  return new Date(unixMs).toISOString()
}
