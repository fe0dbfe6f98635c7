/**
 * Work at dates. Timers of Node count the time that the machine was awake, and know no more than 24.8 days: one set for
 * next week is late by as long as the machine sleeps, one for next month fires at once. What has a date asks the wall
 * clock here, once a second, for the whole process; durations of a moment stay with timers.
 *
 * @module
 */
import { type Clock, systemClock } from './clock.ts'

const LOOK_MS = 1000
/** Corrections of a moment are no step back. */
const BACK_MS = 60_000

/** @returns whether it is over. */
type ClockLook = () => boolean

const looks = new Set<ClockLook>()
let ticking: NodeJS.Timeout | undefined

/** Runs `work` once, at the date or at the first look after it. @returns ends it without running it. */
export function atDate(dueMs: number, work: () => void, clock: Clock = systemClock): Disposable {
  return watch(() => {
    if (clock.nowMs() < dueMs) return false
    work()
    return true
  })
}

/**
 * Runs `work` each time so much of wall-clock time has passed, and once after a sleep, however long. Once, too, when the
 * clock is set back to before the last time: what was made then is of a time that is still to come.
 *
 * @param periodMs At least some seconds.
 */
export function everyPeriod(periodMs: number, work: () => void, clock: Clock = systemClock): Disposable {
  let dueMs = clock.nowMs() + periodMs
  return watch(() => {
    const nowMs = clock.nowMs()
    const isBack = dueMs - nowMs > periodMs + BACK_MS
    if (nowMs < dueMs && !isBack) return false
    dueMs = nowMs + periodMs
    work()
    return false
  })
}

/**
 * Runs `work` whenever the wall clock has passed another whole multiple of the period since 1970, as minutes do with a
 * period of a minute; at the first look after a jump or a sleep, too, whichever way it leads.
 */
export function atEachMark(periodMs: number, work: () => void, clock: Clock = systemClock): Disposable {
  const markAt = (nowMs: number) => Math.floor(nowMs / periodMs)
  let mark = markAt(clock.nowMs())
  return watch(() => {
    const now = markAt(clock.nowMs())
    if (now === mark) return false
    mark = now
    work()
    return false
  })
}

/** Keeps no process alive. */
function watch(look: ClockLook): Disposable {
  looks.add(look)
  ticking ??= setInterval(lookAll, LOOK_MS).unref()
  return { [Symbol.dispose]: () => end(look) }
}

function lookAll(): void {
  for (const look of looks) if (look()) end(look)
}

function end(look: ClockLook): void {
  looks.delete(look)
  if (looks.size > 0) return
  clearInterval(ticking)
  ticking = undefined
}
