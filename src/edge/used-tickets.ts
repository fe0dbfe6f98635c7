import type { Clock } from '../base/clock.ts'
import { TICKET_LIFE_MS } from '../pki/ticket.ts'

/**
 * Ids of tickets that were used. A ticket opens one half once; whoever saw it on the way gets nothing by showing it
 * again. An id is forgotten when the ticket has expired, for then it is refused anyway: that bounds the memory. What
 * was used before this edge started is not known, so nothing from before is taken.
 *
 * How long ago this was is counted by the monotonic clock, so that no correction of the time brings a ticket back or
 * makes a fresh one look old.
 */
export class UsedTickets {
  /** Oldest first: lives are of one length, so the order of use is the order in which they end, nearly. In microseconds. */
  readonly #untilUsById = new Map<string, number>()
  readonly #clock: Clock
  readonly #sinceUs: number

  /** @param clock That tickets are judged by. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#sinceUs = clock.monotonicUs()
  }

  get size(): number {
    return this.#untilUsById.size
  }

  /** @returns false if the id was used before, or may have been. */
  use(id: string, expiresMs: number): boolean {
    const nowUs = this.#clock.monotonicUs()
    const nowMs = this.#clock.nowMs()
    for (const [old, untilUs] of this.#untilUsById) {
      if (untilUs >= nowUs) break
      this.#untilUsById.delete(old)
    }
    const startedMs = nowMs - (nowUs - this.#sinceUs) / 1000
    // Whoever issued it cut its time to whole milliseconds: what bears the one before the start may be of after it.
    if (this.#untilUsById.has(id) || expiresMs - TICKET_LIFE_MS + 1 <= startedMs) return false
    const lifeMs = Math.max(0, expiresMs - nowMs) + TICKET_LIFE_MS
    this.#untilUsById.set(id, nowUs + lifeMs * 1000)
    return true
  }
}
