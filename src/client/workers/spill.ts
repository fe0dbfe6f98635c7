/**
 * Which process carries a new session. The first one, which has the listeners, does as long as it can: a connection that
 * is passed on costs more than a short session does. But what is typed and what is carried in bulk share no process: a
 * loop that moves megabytes makes whoever is behind them wait, however well its tunnels are scheduled.
 *
 * @module
 */

/** What a process carries now. */
export interface ProcessLoad {
  readonly sessions: number
  /** Over all of its tunnels, both directions. */
  readonly bytesPerSecond: number
  /** Something moves a little where no session came or left for a second: somebody types. */
  readonly isTyped: boolean
  /** Share of the last moments in which its loop was busy, 0 to 1. */
  readonly busyShare: number
  /** New sessions a second. */
  readonly newPerSecond: number
}

/** A process over this rate carries bulk, if it is not made of many short sessions. */
export const BULK_BYTES_PER_SECOND = 4_000_000
/** With less for each new session, thousands of requests are what makes the rate. */
const BULK_BYTES_PER_SESSION = 8192
const FULL_SHARE = 0.85
/** Over this rate passing connections on costs more than it can bring. */
const SHORT_PER_SECOND = 100

/** Does the process that accepts also carry what comes now? Then nobody needs to look at the others. */
export function staysHere(first: ProcessLoad): boolean {
  if (carriesBulk(first)) return false
  return first.newPerSecond > SHORT_PER_SECOND || (!first.isTyped && first.busyShare < FULL_SHARE)
}

/**
 * @param first Of the process that accepts.
 * @param others Those that run and answer.
 * @returns Index among `others`; nothing: the first one.
 */
export function processFor(first: ProcessLoad, others: readonly ProcessLoad[]): number | undefined {
  if (staysHere(first)) return undefined
  let best: number | undefined
  for (const [index, load] of others.entries()) {
    if (best === undefined || isBetter(load, others[best]!)) best = index
  }
  // Bulk on both sides: where there is less of it.
  if (best !== undefined && carriesBulk(first) && others[best]!.bytesPerSecond > first.bytesPerSecond)
    return undefined
  return best
}

/** Is another process worth starting, for what may come next? Not while all that comes would stay here. */
export function wantsAnother(first: ProcessLoad, others: readonly ProcessLoad[]): boolean {
  const isUsed = (load: ProcessLoad) => load.isTyped || carriesBulk(load) || load.busyShare >= FULL_SHARE
  return !staysHere(first) && others.every(isUsed)
}

function carriesBulk({ bytesPerSecond, newPerSecond }: ProcessLoad): boolean {
  return bytesPerSecond >= Math.max(BULK_BYTES_PER_SECOND, newPerSecond * BULK_BYTES_PER_SESSION)
}

function isBetter(a: ProcessLoad, b: ProcessLoad): boolean {
  if (a.isTyped !== b.isTyped) return b.isTyped
  if (a.bytesPerSecond !== b.bytesPerSecond) return a.bytesPerSecond < b.bytesPerSecond
  return a.sessions < b.sessions
}
