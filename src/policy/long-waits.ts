/**
 * Sessions that asked an application and have had not one byte for long: two of them, and nobody who was answered since,
 * are enough to say that it is silent, before anybody has given up. Where answers are no rule (what goes one way), nobody
 * is waited for; where others are answered meanwhile (long polls), so long a wait is usual there, and is remembered. Pure.
 *
 * @module
 */

import { WindowedMax } from './windowed-max.ts'

/** A session that asked and has had no byte at all yet. */
export interface WaitingSession {
  readonly user: string
  readonly askedMs: number
  /** Sent, in all. */
  readonly upBytes: number
}

interface EndedWait extends WaitingSession {
  readonly endedMs: number
}

const SESSIONS = 2
/** Where somebody was answered before. */
const LONG_MS = 12_000
/** Where nobody was; and for sessions that one user began in one moment, as a page with many slow parts does. */
const LONGER_MS = 24_000
const ONE_MOMENT_MS = 3000
const MOST_MS = 600_000
/** Longer than the longest wait that was none in vain. */
const OVER_LONGEST = 2

export class LongWaits {
  readonly #answersAsARule: boolean
  #answeredMs: number | undefined
  /** The longest that somebody waited for an answer, or without one while others were answered. */
  readonly #longest = new WindowedMax()

  constructor(answersAsARule: boolean) {
    this.#answersAsARule = answersAsARule
  }

  answered(nowMs: number, tookMs: number): void {
    this.#answeredMs = nowMs
    this.#longest.note(tookMs, nowMs)
  }

  /** Those that have waited for at least so long, and since whose question nobody was answered. */
  since(nowMs: number, waiting: readonly WaitingSession[], leastMs: number): readonly WaitingSession[] {
    if (!this.#expects) return []
    const answeredMs = this.#answeredMs ?? Number.NEGATIVE_INFINITY
    for (const { askedMs } of waiting)
      if (askedMs <= answeredMs) this.#longest.note(answeredMs - askedMs, answeredMs)
    return waiting.filter(({ askedMs }) => askedMs > answeredMs && nowMs - askedMs >= leastMs)
  }

  /** Those that have waited for long. */
  of(nowMs: number, waiting: readonly WaitingSession[]): readonly WaitingSession[] {
    const those = this.since(nowMs, waiting, 0)
    return those.filter(({ askedMs }) => nowMs - askedMs >= this.#longMs(false))
  }

  /** @param gaveUp Those that had no byte at all, either. */
  prove(nowMs: number, waiting: readonly WaitingSession[], gaveUp: readonly EndedWait[]): boolean {
    const still = this.since(nowMs, waiting, 0).map((one) => ({ ...one, endedMs: nowMs }))
    if (!this.#expects) return false
    const isLong = (leastMs: number) => (one: EndedWait) => one.endedMs - one.askedMs >= leastMs
    const those = [...gaveUp, ...still].filter(isLong(this.#longMs(false)))
    if (those.length < SESSIONS) return false
    const askedMs = those.map((one) => one.askedMs)
    const isOneTry =
      new Set(those.map(({ user }) => user)).size < 2 &&
      Math.max(...askedMs) - Math.min(...askedMs) < ONE_MOMENT_MS
    return !isOneTry || those.filter(isLong(this.#longMs(true))).length >= SESSIONS
  }

  /** Else it may be one of those that are only ever written to. */
  get #expects(): boolean {
    return this.#answersAsARule || this.#answeredMs !== undefined
  }

  #longMs(isOneTry: boolean): number {
    const leastMs = isOneTry || this.#answeredMs === undefined ? LONGER_MS : LONG_MS
    return Math.min(MOST_MS, Math.max(leastMs, this.#longest.ms * OVER_LONGEST))
  }
}
