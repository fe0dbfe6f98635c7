/**
 * Many deadlines of one length at the price of one coarse timer: sessions come and go by the thousand per second.
 *
 * Items expire in the order they were added, between `timeoutMs` and `timeoutMs + tickMs` after that.
 */
export class Deadlines<T> implements Disposable {
  readonly #timeoutMs: number
  readonly #tickMs: number
  readonly #expire: (item: T) => void
  /** Insertion order is the order of expiry. */
  readonly #dueMs = new Map<T, number>()
  #timer: NodeJS.Timeout | undefined

  /** @param expire Called once for an item that was not deleted in time; may add it again. */
  constructor(timeoutMs: number, expire: (item: T) => void, tickMs = Math.max(10, timeoutMs / 16)) {
    this.#timeoutMs = timeoutMs
    this.#tickMs = tickMs
    this.#expire = expire
  }

  get size(): number {
    return this.#dueMs.size
  }

  /** Starts the deadline of `item`, anew if it has one. */
  add(item: T): void {
    this.#dueMs.delete(item)
    this.#dueMs.set(item, performance.now() + this.#timeoutMs)
    if (this.#timer === undefined) this.#timer = setInterval(() => this.#tick(), this.#tickMs).unref()
  }

  delete(item: T): void {
    this.#dueMs.delete(item)
  }

  #tick(): void {
    const nowMs = performance.now()
    for (const [item, dueMs] of this.#dueMs) {
      if (dueMs > nowMs) break
      this.#dueMs.delete(item)
      this.#expire(item)
    }
    if (this.#dueMs.size === 0) this[Symbol.dispose]()
  }

  /** Forgets every item without expiring it. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#dueMs.clear()
  }
}
