import { Fault } from './faults.ts'

export interface FairQueueOptions {
  readonly atOnce: number
  /** Whoever would have to wait longer is told when to come again. */
  readonly maxWaitMs: number
}

type WaitingTurns = Map<string, (() => void)[]>

/** Until something has been measured. */
const FIRST_GUESS_MS = 30
/** Weight of the latest in what one piece of work takes. */
const LATEST = 0.2

/**
 * Work that costs much, a few at a time. The others wait, and those of each key take turns with those of other keys:
 * who comes with hundreds waits for their own, and keeps nobody else. Those who are known come before all others.
 */
export class FairQueue {
  readonly #o: FairQueueOptions
  readonly #known: WaitingTurns = new Map()
  readonly #strangers: WaitingTurns = new Map()
  #running = 0
  #workMs = FIRST_GUESS_MS

  constructor(options: FairQueueOptions) {
    this.#o = options
  }

  /** @throws {Fault} RATE_LIMITED with `seen.retryAfterS`; and what `work` throws. */
  async run<Result>(key: string, work: () => Promise<Result>, isKnown = false): Promise<Result> {
    if (this.#running < this.#o.atOnce) this.#running++
    else await this.#turn(key, isKnown)
    const startMs = performance.now()
    try {
      return await work()
    } finally {
      this.#workMs += LATEST * (performance.now() - startMs - this.#workMs)
      this.#passOn()
    }
  }

  #turn(key: string, isKnown: boolean): Promise<void> {
    const waiting = isKnown ? this.#known : this.#strangers
    const own = waiting.get(key) ?? []
    const keys = waiting.size + (isKnown ? 0 : this.#known.size) + (own.length === 0 ? 1 : 0)
    // Before the last of a key comes all of its own, and as many of each other key at most.
    const waitMs = ((own.length + 1) * keys * this.#workMs) / this.#o.atOnce
    if (waitMs > this.#o.maxWaitMs) {
      const retryAfterS = Math.ceil(waitMs / 1000)
      throw new Fault('RATE_LIMITED', `too many at once: wait ${retryAfterS} s`, { seen: { retryAfterS } })
    }
    waiting.set(key, own)
    return new Promise((resolve) => own.push(resolve))
  }

  /** The place goes to the next key; one that has more waiting goes to the end. */
  #passOn(): void {
    const waiting = this.#known.size > 0 ? this.#known : this.#strangers
    const [first] = waiting
    if (first === undefined) {
      this.#running--
      return
    }
    const [key, own] = first
    const next = own.shift()!
    waiting.delete(key)
    if (own.length > 0) waiting.set(key, own)
    next()
  }
}
