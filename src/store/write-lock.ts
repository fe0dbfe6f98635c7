/** Waits behind all others: nobody is waiting for what it writes. */
export type Urgency = 'now' | 'later'

/**
 * Who may write now: one at a time. What somebody waits for comes first; what nobody waits for (records, sweeps) goes
 * between, and of many that wait each is at most so many behind.
 */
export class WriteLock {
  readonly #waiting: Record<Urgency, (() => void)[]> = { now: [], later: [] }
  #held = false
  /** Urgent ones since the last other one. */
  #passed = 0

  async take(urgency: Urgency = 'now'): Promise<void> {
    if (!this.#held) {
      this.#held = true
      return
    }
    await new Promise<void>((go) => this.#waiting[urgency].push(go))
  }

  give(): void {
    const { now, later } = this.#waiting
    const isTurn = later.length > 0 && (now.length === 0 || this.#passed >= MAX_PASSED)
    this.#passed = isTurn || later.length === 0 ? 0 : this.#passed + 1
    const next = isTurn ? later.shift() : now.shift()
    if (next === undefined) this.#held = false
    else next()
  }
}

/** As many urgent ones may pass one that is not: however many there are, it is written. */
const MAX_PASSED = 64
