/**
 * One session by what it carries: was what the user's program said last answered? Known by looks from time to time at
 * what has moved, so that no byte costs anything. Pure.
 *
 * @module
 */

/** As a stream has it at a look. Up is towards the application. */
export interface Moved {
  readonly up: number
  readonly down: number
  /** The program spoke last. */
  readonly awaits: boolean
}

/** An application has answered what it was asked, or spoken by itself. */
export interface Answered {
  /** From the question, as it was seen, to the answer. */
  readonly tookMs: number
  /** Nothing had moved for so long before the question. */
  readonly idleMs: number
  /** Came since the look before. */
  readonly bytes: number
}

/** Whoever says more after so long, unanswered, does not wait for an answer. */
const GOES_ON_MS = 2500
/** And who has done so as often: it goes one way, as the lines of syslog do. */
const ONE_WAY = 2

export class Exchange {
  #up = 0
  #down = 0
  #movedMs: number
  #askedMs: number | undefined
  #idleMs = 0
  #wentOn = 0

  constructor(startedMs: number) {
    this.#movedMs = startedMs
  }

  /** Since when there is no answer to what was asked last; nothing where nobody waits for one. */
  get askedMs(): number | undefined {
    return this.isOneWay ? undefined : this.#askedMs
  }

  /** How long nothing had moved before it was asked. */
  get idleMs(): number {
    return this.#idleMs
  }

  /** When something moved last. */
  get movedMs(): number {
    return this.#movedMs
  }

  /** It was told something, and nobody waits for an answer: it may be idle, or stand in the middle of one. */
  get isQuiet(): boolean {
    return this.#down > 0 && this.#askedMs === undefined
  }

  get isOneWay(): boolean {
    return this.#wentOn >= ONE_WAY
  }

  /** @returns What came since the last look, if it was an answer. */
  look({ up, down, awaits }: Moved, nowMs: number): Answered | undefined {
    const isFirst = this.#up === 0 && this.#down === 0
    const [asked, heard] = [up !== this.#up, down !== this.#down]
    if (!asked && !heard) return undefined
    const pausedMs = nowMs - this.#movedMs
    const bytes = down - this.#down
    this.#up = up
    this.#down = down
    this.#movedMs = nowMs
    // Beginnings have an order of their own: a handshake, and the question behind it.
    const isQuestion = awaits && (isFirst || !heard)
    if (isQuestion) {
      if (this.#askedMs === undefined) this.#idleMs = isFirst ? 0 : pausedMs
      else if (pausedMs >= GOES_ON_MS) this.#wentOn++
      this.#askedMs = nowMs
      return undefined
    }
    if (!heard) return undefined
    const answered = {
      bytes,
      tookMs: this.#askedMs === undefined ? 0 : nowMs - this.#askedMs,
      idleMs: this.#askedMs !== undefined ? this.#idleMs : asked && !isFirst ? pausedMs : 0,
    }
    this.#askedMs = undefined
    this.#wentOn = 0
    return answered
  }
}
