/**
 * Work that is too much for one turn of the event loop is done in slices, so that a ping, a decision or a byte waits
 * for one slice and never for the whole. All that works so shares the slice of a turn: a thousand clients that come
 * at once take many turns, not a long one.
 *
 * @module
 */

/** Work that may be put down wherever it yields. */
export type Steps<Result> = Generator<undefined, Result, void>

/**
 * As long is worked in one turn of the event loop, by all together. Short where there is little else to do, so that a
 * question that takes some turns waits little; where others take much of each turn, up to as long as they do, so that
 * what is worked at gets its half.
 */
const SLICE_MIN_MS = 2
const SLICE_MAX_MS = 12

let sliceMs = SLICE_MIN_MS
let sinceMs: number | undefined
/** When the first in this turn put its work down: from then on it is others who work. */
let leftMs: number | undefined
const waiting: (() => void)[] = []

/** Has this turn of the event loop been worked in for long enough? Then `await nextTurn()`. */
export function turnIsOver(): boolean {
  return performance.now() - begin() >= sliceMs
}

/** Resolves in a later turn, after those who wait already. */
export function nextTurn(): Promise<void> {
  begin()
  leftMs ??= performance.now()
  return new Promise((resolve) => waiting.push(resolve))
}

function begin(): number {
  if (sinceMs === undefined) {
    sinceMs = performance.now()
    setImmediate(end)
  }
  return sinceMs
}

function end(): void {
  const othersMs = leftMs === undefined ? 0 : performance.now() - leftMs
  sliceMs = Math.min(Math.max(othersMs, SLICE_MIN_MS), SLICE_MAX_MS)
  leftMs = undefined
  sinceMs = undefined
  const next = waiting.shift()
  if (next === undefined) return
  begin()
  next()
}

/** The result of steps that are done in slices. */
export async function inSlices<Result>(steps: Steps<Result>): Promise<Result> {
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value
    if (turnIsOver()) await nextTurn()
  }
}

/** Work on each takes a fraction of a microsecond: so much of it is done before one looks at the clock, which takes as long. */
const AT_A_TIME = 256

/** To yield once for each of these parts, where what is done for an item is next to nothing. */
export function partsOf<Item>(items: readonly Item[]): (readonly Item[])[] {
  const parts: Item[][] = []
  for (let from = 0; from < items.length; from += AT_A_TIME) parts.push(items.slice(from, from + AT_A_TIME))
  return parts
}

/** The result of steps that are known to be few. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  let step = steps.next()
  while (!step.done) step = steps.next()
  return step.value
}
