/**
 * Whether a connection comes and goes, how regularly, and what ended it each time. A period tells more than any single
 * drop: what happens every 60 seconds is a timer on the way.
 *
 * @module
 */

export interface Drop {
  readonly atMs: number
  /** What it was put down to: a fault code. */
  readonly code: string
  readonly hop: string
}

export interface Flapping {
  readonly drops: readonly Drop[]
  readonly windowMs: number
  /** From drop to drop: the median; only where the drops keep to it. */
  readonly periodMs?: number
  /** The most frequent first. */
  readonly causes: readonly { readonly code: string; readonly hop: string; readonly count: number }[]
}

export const FLAPPING_WINDOW_MS = 600_000
export const FLAPPING_DROPS = 4
/** Intervals that stray further from the median than this have no period. */
const REGULAR = 0.25

/** @param drops In any order. @returns undefined while there are few of them. */
export function flappingOf(drops: readonly Drop[], nowMs: number): Flapping | undefined {
  const recent = drops
    .filter(({ atMs }) => atMs > nowMs - FLAPPING_WINDOW_MS && atMs <= nowMs)
    .sort((a, b) => a.atMs - b.atMs)
  if (recent.length < FLAPPING_DROPS) return undefined
  const causes = [...Map.groupBy(recent, ({ code, hop }) => `${hop} ${code}`).values()]
    .map((same) => ({ code: same[0]!.code, hop: same[0]!.hop, count: same.length }))
    .sort((a, b) => b.count - a.count)
  return { drops: recent, windowMs: FLAPPING_WINDOW_MS, periodMs: periodOf(recent), causes }
}

function periodOf(drops: readonly Drop[]): number | undefined {
  const intervals = drops.slice(1).map(({ atMs }, at) => atMs - drops[at]!.atMs)
  const median = [...intervals].sort((a, b) => a - b)[Math.floor(intervals.length / 2)]!
  const regular = intervals.every((one) => Math.abs(one - median) <= median * REGULAR)
  return regular ? median : undefined
}

/** For people: `5 drops in 10 min, one every 60 s: edge EDGE_UNREACHABLE 4 times, control CONTROL_UNREACHABLE once`. */
export function flappingText({ drops, windowMs, periodMs, causes }: Flapping): string {
  const rhythm = periodMs === undefined ? 'at no regular interval' : `one every ${seconds(periodMs)}`
  const why = causes.map(
    ({ code, hop, count }) => `${hop} ${code} ${count === 1 ? 'once' : `${count} times`}`,
  )
  return `${drops.length} drops in ${Math.round(windowMs / 60_000)} min, ${rhythm}: ${why.join(', ')}`
}

function seconds(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`
}
