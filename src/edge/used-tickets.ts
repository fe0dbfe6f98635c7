import { TICKET_LIFE_MS } from '../pki/ticket.ts'

/**
 * Ids of tickets that were used. A ticket opens one half once; whoever saw it on the way gets nothing by showing it
 * again. An id is forgotten when the ticket has expired, for then it is refused anyway: that bounds the memory. What
 * was used before this edge started is not known, so nothing from before is taken.
 */
export class UsedTickets {
  /** Oldest first: lives are of one length, so the order of use is the order of expiry, nearly. */
  readonly #expiryById = new Map<string, number>()

  readonly #sinceMs: number

  /** @param sinceMs Start of this edge, Unix milliseconds. */
  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs
  }

  get size(): number {
    return this.#expiryById.size
  }

  /** @returns false if the id was used before, or may have been. Times are Unix milliseconds. */
  use(id: string, expiresMs: number, nowMs: number): boolean {
    for (const [old, expiry] of this.#expiryById) {
      if (expiry >= nowMs) break
      this.#expiryById.delete(old)
    }
    if (this.#expiryById.has(id) || expiresMs - TICKET_LIFE_MS < this.#sinceMs) return false
    this.#expiryById.set(id, expiresMs)
    return true
  }
}
