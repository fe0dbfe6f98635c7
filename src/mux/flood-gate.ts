import { Fault } from '../base/faults.ts'

/**
 * Refuses a tunnel whose peer sends more of something than any honest peer does. It reads the clock only once
 * per `perSecond` events, so that counting costs nothing on the fast path.
 */
export class FloodGate {
  readonly #perSecond: number
  readonly #what: string
  #count = 0
  #sinceMs = Number.NEGATIVE_INFINITY

  constructor(perSecond: number, what: string) {
    this.#perSecond = perSecond
    this.#what = what
  }

  /** @throws {Fault} PROTOCOL_ERROR when the last `perSecond` events came within a second. */
  count(): void {
    if (++this.#count < this.#perSecond) return
    const nowMs = performance.now()
    if (nowMs - this.#sinceMs < 1000) {
      throw new Fault(
        'PROTOCOL_ERROR',
        `the peer sent more than ${this.#perSecond} ${this.#what} in one second`,
      )
    }
    this.#count = 0
    this.#sinceMs = nowMs
  }
}

/** One set per tunnel. Honest peers stay at a tenth of these. */
export function floodGates() {
  return {
    opens: new FloodGate(50_000, 'OPEN frames'),
    resets: new FloodGate(50_000, 'RESET frames'),
    /** Streams reset before they were answered: each may cost a connection to an application. */
    earlyResets: new FloodGate(5_000, 'streams reset before their answer'),
    /** A fast tunnel marks its data with a thousand a second. */
    pings: new FloodGate(10_000, 'PING frames'),
    grants: new FloodGate(1_000, 'GRANT frames'),
    windows: new FloodGate(200_000, 'WINDOW frames'),
    emptyData: new FloodGate(1_000, 'empty DATA frames'),
  }
}
export type FloodGates = ReturnType<typeof floodGates>
