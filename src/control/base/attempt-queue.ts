import type { FailureBudget } from './failure-budget.ts'
import { tooManyFailed } from './failures.ts'

/** One key of a budget that an attempt is taken from. */
export interface Share {
  readonly budget: FailureBudget
  readonly key: string
  /** For people: whose attempts these are. */
  readonly of: string
  /** What was spent of it says how much whoever asks has tried already. */
  readonly tells?: boolean
}

interface WaitingAttempt {
  readonly shares: readonly Share[]
  /** How much whoever waits has tried already. */
  readonly rank: number
  readonly go: () => void
  readonly turnAway: (fault: Error) => void
}

/** All who wait: each costs a stranger a connection, and the server a look at each turn. */
const MAX_WAITING = 1000

/**
 * Attempts that have to wait for room in a budget, so that a right one gets through though wrong ones of others have
 * spent it. Room goes to whoever has tried least, then to whoever has waited longest.
 */
export class AttemptQueue {
  readonly #maxWaitMs: number
  /** In the order that they are served. */
  readonly #waiting: WaitingAttempt[] = []
  #timer: NodeJS.Timeout | undefined

  /** @param maxWaitMs Whoever would have to wait longer is told when to come again. */
  constructor(maxWaitMs: number) {
    this.#maxWaitMs = maxWaitMs
  }

  /** Takes one of each share, all at once, when each has room. @throws {Fault} RATE_LIMITED with `seen.retryAfterS`. */
  async take(shares: readonly Share[]): Promise<void> {
    const rank = shares.reduce((sum, { tells, budget, key }) => sum + (tells ? budget.spent(key) : 0), 0)
    const { promise, resolve: go, reject: turnAway } = Promise.withResolvers<void>()
    const waiting: WaitingAttempt = { shares, rank, go, turnAway }
    this.#waiting.splice(this.#waiting.findLastIndex((one) => one.rank <= rank) + 1, 0, waiting)
    this.#serve()
    if (this.#waiting.includes(waiting)) {
      if (this.#ahead(waiting).waitMs > this.#maxWaitMs) this.#turnAway(waiting)
      else if (this.#waiting.length > MAX_WAITING) this.#turnAway(this.#waiting.at(-1)!)
    }
    const late = setTimeout(() => this.#turnAway(waiting), this.#maxWaitMs)
    return promise.finally(() => clearTimeout(late))
  }

  /** It was right, or nobody looked at it. */
  giveBack(shares: readonly Share[]): void {
    for (const { budget, key } of shares) budget.giveBack(key)
    this.#serve()
  }

  #serve(): void {
    clearTimeout(this.#timer)
    let soonestMs = Number.POSITIVE_INFINITY
    for (const one of [...this.#waiting]) {
      const waitMs = Math.max(...one.shares.map(({ budget, key }) => budget.waitMs(key)))
      soonestMs = Math.min(soonestMs, waitMs || Number.POSITIVE_INFINITY)
      if (waitMs > 0) continue
      for (const { budget, key } of one.shares) budget.take(key)
      this.#remove(one)
      one.go()
    }
    if (this.#waiting.length === 0) return
    this.#timer = setTimeout(() => this.#serve(), Math.ceil(soonestMs))
  }

  /** The longest wait that one of its shares means, with all that come before it. */
  #ahead(waiting: WaitingAttempt): { waitMs: number; of: string } {
    const before = this.#waiting.slice(0, Math.max(0, this.#waiting.indexOf(waiting)))
    const waits = waiting.shares.map(({ budget, key, of }) => {
      const same = before.filter(({ shares }) =>
        shares.some((one) => one.budget === budget && one.key === key),
      )
      const ownMs = budget.waitMs(key)
      return { of, waitMs: ownMs === 0 ? 0 : ownMs + same.length * budget.everyMs }
    })
    return waits.reduce((a, b) => (b.waitMs > a.waitMs ? b : a))
  }

  /** In words about its own shares: whose the others are is nothing for a stranger. */
  #turnAway(waiting: WaitingAttempt): void {
    const { waitMs, of } = this.#ahead(waiting)
    this.#remove(waiting)
    waiting.turnAway(tooManyFailed(of, waitMs))
  }

  #remove(waiting: WaitingAttempt): void {
    const at = this.#waiting.indexOf(waiting)
    if (at >= 0) this.#waiting.splice(at, 1)
  }
}
