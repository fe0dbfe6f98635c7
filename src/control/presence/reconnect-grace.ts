/** Longer than an agent takes to be at another edge; short enough that whoever waits does not notice. */
const SOON_MS = 2000

/**
 * Connectors that have just lost their connection. Most are back in a moment: an edge has died, a certificate was
 * renewed. A session that needs one of them waits that moment instead of being refused.
 */
export class ReconnectGrace {
  readonly #leftMs = new Map<string, number>()
  readonly #waiting = new Set<(id: string) => void>()

  /** It was there until now, and did not say that it was going. */
  lost(id: string): void {
    this.#leftMs.set(id, performance.now())
    for (const [other, leftMs] of this.#leftMs) {
      if (performance.now() - leftMs <= SOON_MS) break // In the order in which they left.
      this.#leftMs.delete(other)
    }
  }

  arrived(id: string): void {
    this.#leftMs.delete(id)
    for (const tell of this.#waiting) tell(id)
  }

  /** Waits for one of these, if one of them has just left. @returns whether one came back in time. */
  async one(ids: readonly string[]): Promise<boolean> {
    const latestMs = Math.max(...ids.map((id) => this.#leftMs.get(id) ?? Number.NEGATIVE_INFINITY))
    const leftMs = latestMs + SOON_MS - performance.now()
    if (!(leftMs > 0)) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), leftMs)
    const tell = (id: string) => {
      if (ids.includes(id)) resolve(true)
    }
    this.#waiting.add(tell)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(tell)
    }
  }
}
