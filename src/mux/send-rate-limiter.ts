/** Eight full frames: less, and processes that share two cores wait for each other. */
const MIN_BYTES = 524_288
const MAX_BYTES = 33_554_432
/** Below this a round trip says more about the scheduler of the machine than about the network. */
const RTT_FLOOR_US = 600
/** How long a shortest round trip or a highest rate is believed. */
const MEMORY_US = 10_000_000
/** Rounds at the least limit: one in which the queues run dry, one in which the round trip is seen without them. */
const DRAIN_ROUNDS = 2

/**
 * How many bytes of a tunnel may be on their way.
 *
 * TCP takes megabytes more than the path needs, and what it took stands in a queue where nothing can overtake it.
 * So bulk data is held back here, where it can be overtaken. Markers (PING frames between the data) say how fast
 * the path is and how long it takes; the limit is 2.5 times the product, because that a marker arrived is only known
 * half a round trip later, and the next one leaves only then. After BBR (Cardwell et al., 2016), without the
 * phases that TCP below goes through anyway.
 */
export class SendRateLimiter {
  #sent = 0
  #answered = 0
  #answeredUs = 0
  #limit = MIN_BYTES
  /** The one marker under way: `#sent` when it left, and when that was. */
  #marked = -1
  #markedUs = 0
  /** Bytes per microsecond, of this memory span and the one before. */
  #fastest: [now: number, before: number] = [0, 0]
  #shortestUs: [now: number, before: number] = [Infinity, Infinity]
  #sinceUs = 0
  #draining = 0

  /** May bulk data leave? */
  get open(): boolean {
    return this.#sent - this.#answered < this.#limit
  }

  get limitBytes(): number {
    return this.#limit
  }

  sent(bytes: number): void {
    this.#sent += bytes
  }

  /** Should a marker leave now? */
  get wantsMarker(): boolean {
    return this.#marked < 0 && this.#sent - this.#answered >= this.#limit / 4
  }

  /** Is a marker under way? */
  get marked(): boolean {
    return this.#marked >= 0
  }

  /** A marker leaves, behind everything sent so far. */
  marker(nowUs: number): void {
    this.#marked = this.#sent
    this.#markedUs = nowUs
  }

  /** The peer has everything before the marker. */
  answer(nowUs: number): void {
    const tookUs = nowUs - this.#markedUs
    const rate = (this.#marked - this.#answered) / Math.max(nowUs - this.#answeredUs, 1)
    this.#answered = this.#marked
    this.#answeredUs = nowUs
    this.#marked = -1
    this.#fastest[0] = Math.max(this.#fastest[0], rate)
    this.#shortestUs[0] = Math.min(this.#shortestUs[0], tookUs)
    if (this.#draining > 0) this.#draining--
    else if (nowUs - this.#sinceUs > MEMORY_US) this.#forget(nowUs)
    const rttUs = Math.max(Math.min(...this.#shortestUs), RTT_FLOOR_US)
    const product = Math.max(...this.#fastest) * rttUs
    this.#limit = this.#draining > 0 ? MIN_BYTES : Math.min(Math.max(product * 2.5, MIN_BYTES), MAX_BYTES)
  }

  #forget(nowUs: number): void {
    this.#sinceUs = nowUs
    this.#draining = DRAIN_ROUNDS
    this.#fastest = [0, this.#fastest[0]]
    this.#shortestUs = [Infinity, this.#shortestUs[0]]
  }
}
