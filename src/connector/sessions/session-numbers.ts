/**
 * Which sessions of a grant have been opened: an id names one stream, or a client could have the record of one hide behind
 * that of another. A stream that comes with an id of nothing, or with one that was opened before, gets an id of the
 * connector's, under which it is on record.
 *
 * Numbers come nearly in order, so a window of bits behind the highest is enough, and what is older than the window counts as
 * opened.
 *
 * @module
 */
import {
  CLIENT_NUMBERS,
  CONNECTOR_NUMBERS,
  isSessionOf,
  type SessionsOf,
  sessionId,
  sessionNumber,
} from '../../base/session-id.ts'

/** How far a session may be overtaken by others of its grant, in other tunnels. 2 KiB for a grant that has had so many. */
const MAX_WINDOW = 16_384
const FIRST_WINDOW = 512

/** Of one grant. */
export class SessionNumbers {
  readonly grant: SessionsOf
  /** An earlier process may have opened some: of none it is known that it has not. */
  readonly #isOlder: boolean
  /** A ring: bit of `number` modulo its length. */
  #bits = new Uint32Array(FIRST_WINDOW / 32)
  #highest = -1
  /** Begins anywhere: an earlier process has given ids, too. */
  #own = Math.floor(Math.random() * CONNECTOR_NUMBERS)

  constructor(grant: SessionsOf, isOlder = false) {
    this.grant = grant
    this.#isOlder = isOlder
  }

  /** The id under which the stream is on record: the one that the client has given it, if that names no other. */
  idFor(session: string, nowMs: number): string {
    if (!this.#isOlder && isSessionOf(session, this.grant) && this.#take(sessionNumber(session)))
      return session
    this.#own = (this.#own + 1) % CONNECTOR_NUMBERS
    return sessionId(this.grant, CLIENT_NUMBERS + this.#own, nowMs)
  }

  #take(number: number): boolean {
    if (number >= CLIENT_NUMBERS) return false
    while (number >= this.#window && this.#window < MAX_WINDOW) this.#grow()
    if (number <= this.#highest - this.#window) return false
    this.#forget(number)
    const at = number % this.#window
    const bit = 1 << (at & 31)
    if ((this.#bits[at >> 5]! & bit) !== 0) return false
    this.#bits[at >> 5]! |= bit
    return true
  }

  get #window(): number {
    return this.#bits.length * 32
  }

  /** Below its length a ring holds each number at its own place. */
  #grow(): void {
    const longer = new Uint32Array(this.#bits.length * 2)
    longer.set(this.#bits)
    this.#bits = longer
  }

  /** Makes place for what comes behind the highest. */
  #forget(number: number): void {
    if (number <= this.#highest) return
    if (number - this.#highest >= this.#window) this.#bits.fill(0)
    else {
      for (let gone = this.#highest + 1; gone <= number; gone++) {
        const at = gone % this.#window
        this.#bits[at >> 5]! &= ~(1 << (at & 31))
      }
    }
    this.#highest = number
  }
}

/** Of all grants that have come, while they last: as many as the control plane has given. */
export class NumbersOfGrants {
  readonly #byGrant = new Map<string, SessionNumbers>()
  #sweepAt = 1024

  /** The same for one grant, whichever tunnel it came in. @param isOlder It was given before this process began. */
  of({ id, expiresMs }: SessionsOf, nowMs: number, isOlder = false): SessionNumbers {
    const known = this.#byGrant.get(id)
    if (known !== undefined) return known
    if (this.#byGrant.size >= this.#sweepAt) this.#sweep(nowMs)
    const numbers = new SessionNumbers({ id, expiresMs }, isOlder)
    this.#byGrant.set(id, numbers)
    return numbers
  }

  get size(): number {
    return this.#byGrant.size
  }

  #sweep(nowMs: number): void {
    for (const [id, { grant }] of this.#byGrant) if (grant.expiresMs <= nowMs) this.#byGrant.delete(id)
    this.#sweepAt = Math.max(1024, this.#byGrant.size * 2)
  }
}
