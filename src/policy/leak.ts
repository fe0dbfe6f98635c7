import type { FiguresSample } from '../base/figures.ts'
import { minutesUntil } from './trend.ts'

export interface Leak {
  readonly fromBytes: number
  readonly toBytes: number
  readonly windowMs: number
  readonly perMinuteBytes: number
  readonly sessionsBefore: number
  readonly sessionsNow: number
  /** Until the memory that is left is used, if it goes on like this. */
  readonly minutesLeft?: number
}

const MINUTES = 5
const MINUTE_MS = 60_000
/** The window is full but for a sample that came late. */
const FULL_MS = MINUTES * MINUTE_MS - 20_000
/** A runtime that warms up grows, too: an idle process was seen to take 28 MiB in as many minutes before it first collected. */
const MIN_GROWTH_BYTES = 40 * 1_048_576
const MIN_GROWTH_SHARE = 0.1

/**
 * Memory that grows in each of five minutes while sessions do not. Of every minute the least counts: what a garbage
 * collector gives back was no leak.
 *
 * @param samples Oldest first.
 */
export function suspectLeak(samples: readonly FiguresSample[]): Leak | undefined {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || last.atMs - first.atMs < FULL_MS) return undefined
  const minutes = Array.from({ length: MINUTES }, (_, at) => {
    const endMs = last.atMs - (MINUTES - 1 - at) * MINUTE_MS
    return samples.filter(({ atMs }) => atMs > endMs - MINUTE_MS && atMs <= endMs)
  })
  if (minutes.some((minute) => minute.length === 0)) return undefined
  const lows = minutes.map((minute) => Math.min(...minute.map(({ rssBytes }) => rssBytes)))
  if (lows.some((low, at) => at > 0 && low <= lows[at - 1]!)) return undefined
  const growth = lows.at(-1)! - lows[0]!
  if (growth < Math.max(MIN_GROWTH_BYTES, lows[0]! * MIN_GROWTH_SHARE)) return undefined
  const [before, now] = [meanSessions(minutes[0]!), meanSessions(minutes.at(-1)!)]
  if (now > before * 1.1 + 1) return undefined
  const points = lows.map((value, at) => ({ atMs: at * MINUTE_MS, value }))
  return {
    fromBytes: lows[0]!,
    toBytes: lows.at(-1)!,
    windowMs: last.atMs - first.atMs,
    perMinuteBytes: growth / (MINUTES - 1),
    sessionsBefore: Math.round(before),
    sessionsNow: Math.round(now),
    minutesLeft: minutesUntil(lows.at(-1)! + last.memoryFreeBytes, points),
  }
}

function meanSessions(minute: readonly FiguresSample[]): number {
  return minute.reduce((sum, { sessions }) => sum + sessions, 0) / minute.length
}
