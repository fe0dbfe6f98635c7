/**
 * As many workers as the processors have time for: much of a lab is waiting, and how much depends on what it shows.
 *
 * @module
 */
import { availableParallelism } from 'node:os'

export interface CrewOptions {
  /** One worker: it ends when there is nothing left, or when `isTooMany` says so between two pieces of work. */
  readonly work: (isTooMany: () => boolean) => Promise<void>
  /** Pieces of work that nobody has begun. */
  readonly left: () => number
  /** Exactly so many. */
  readonly atOnce?: number
  /** Of the processors since the last call, 0 to 1. */
  readonly idle: () => number
  readonly hasMemory: () => boolean
  /** How slow the machine is, our own work included. */
  readonly pace: () => number
  readonly lookMs?: number
}

/** A worker that begins takes a processor for some seconds: what it leaves idle is seen after that. */
const LOOK_MS = 12_000
const ENOUGH_IDLE = 0.25
const SLOW = 2.5
const TOO_SLOW = 6
const FAR_TOO_SLOW = 9
const MOST_PER_PROCESSOR = 5

/** @throws What a worker threw, when all have ended. */
export async function runCrew(o: CrewOptions): Promise<void> {
  const first = Math.min(o.atOnce ?? firstFor(o.pace()), o.left())
  const most = o.atOnce ?? MOST_PER_PROCESSOR * availableParallelism()
  const workers = new Set<Promise<void>>()
  let [tooMany, failed] = [0, [] as unknown[]]
  const isTooMany = () => {
    if (tooMany === 0 || workers.size === 1) return false
    tooMany--
    return true
  }
  const add = () => {
    const worker: Promise<void> = o
      .work(isTooMany)
      .catch((error) => void failed.push(error))
      .finally(() => workers.delete(worker))
    workers.add(worker)
  }
  const look = () => {
    const idle = o.idle()
    if (idle > ENOUGH_IDLE && workers.size < most && o.left() > 0 && o.hasMemory()) add()
    tooMany = workers.size > mostFor(o.pace()) ? 1 : 0
  }
  for (let n = 0; n < first; n++) add()
  o.idle()
  const timer = o.atOnce === undefined ? setInterval(look, o.lookMs ?? LOOK_MS) : undefined
  while (workers.size > 0) await Promise.all(workers)
  clearInterval(timer)
  if (failed.length > 0) throw failed[0]
}

/** Before we have begun, all that makes it slow is others' work. */
function firstFor(pace: number): number {
  if (pace > TOO_SLOW) return 1
  return pace > SLOW ? availableParallelism() : 2 * availableParallelism()
}

/** What makes it slow now is our own work, too. */
function mostFor(pace: number): number {
  if (pace > FAR_TOO_SLOW) return 1
  return pace > TOO_SLOW ? availableParallelism() : Number.POSITIVE_INFINITY
}
