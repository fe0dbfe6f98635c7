/**
 * Something that is there now or comes later, for any number of waiters with limits of their own. A waiter that gives
 * up leaves nothing behind, as it would in the reactions of one promise that lasts for days.
 */
export class Gate {
  readonly #waiting = new Set<() => void>()
  #open = false

  get isOpen(): boolean {
    return this.#open
  }

  /** How many wait now. */
  get waiting(): number {
    return this.#waiting.size
  }

  open(): void {
    this.#open = true
    for (const go of this.#waiting) go()
    this.#waiting.clear()
  }

  /** Those that come from here on wait for the next time. */
  close(): void {
    this.#open = false
  }

  /** Resolves once it is open; rejects with the reason of `limit`. */
  pass(limit: AbortSignal): Promise<void> {
    if (this.#open) return Promise.resolve()
    if (limit.aborted) return Promise.reject(limit.reason)
    return new Promise((resolve, reject) => {
      const go = () => {
        limit.removeEventListener('abort', stop)
        resolve()
      }
      const stop = () => {
        this.#waiting.delete(go)
        reject(limit.reason)
      }
      this.#waiting.add(go)
      limit.addEventListener('abort', stop, { once: true })
    })
  }
}
