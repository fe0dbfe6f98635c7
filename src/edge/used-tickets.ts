/**
 * Ids of tickets that were used. A ticket opens one half once; whoever saw it on the way gets nothing by showing it
 * again. An id is forgotten when the ticket has expired, for then it is refused anyway: that bounds the memory.
 */
export class UsedTickets {
  /** Oldest first: lives are of one length, so the order of use is the order of expiry, nearly. */
  readonly #expiryById = new Map<string, number>()

  get size(): number {
    return this.#expiryById.size
  }

  /** @returns false if the id was used before. Times are Unix milliseconds. */
  use(id: string, expiresMs: number, nowMs: number): boolean {
    for (const [old, expiry] of this.#expiryById) {
      if (expiry >= nowMs) break
      this.#expiryById.delete(old)
    }
    if (this.#expiryById.has(id)) return false
    this.#expiryById.set(id, expiresMs)
    return true
  }
}
