import { type Clock, systemClock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'

/** The machine was suspended, or somebody has set its clock. */
const JUMP_MS = 5000
const LOOK_MS = 1000
/** What agents do. */
export const ASK_AGAIN = 'the control plane is asked for its time'

/**
 * The time of the control plane, as this machine can tell it: grants and tickets are judged by the clock they were made
 * by, so a clock here that is minutes off breaks no session.
 *
 * Set by each welcome and carried on by the monotonic clock, so that stepping the local clock changes nothing. Only a
 * step forward counts: after a suspend it is real, and what has ended must not be accepted; `jumpMs` says that it is
 * time to ask again.
 */
export class ServerClock implements Clock {
  readonly #local: Clock
  #base: { readonly serverMs: number; readonly localMs: number; readonly atUs: number } | undefined

  constructor(local: Clock = systemClock) {
    this.#local = local
  }

  /** @param skewMs What to add to the local clock of now to get the server's. */
  set(skewMs: number): void {
    const localMs = this.#local.nowMs()
    this.#base = { serverMs: localMs + skewMs, localMs, atUs: this.#local.monotonicUs() }
  }

  /** How far the local clock has moved against the monotonic one since `set`; positive: forward. */
  get jumpMs(): number {
    if (this.#base === undefined) return 0
    const elapsedMs = (this.#local.monotonicUs() - this.#base.atUs) / 1000
    return this.#local.nowMs() - this.#base.localMs - elapsedMs
  }

  nowMs(): number {
    if (this.#base === undefined) return this.#local.nowMs()
    const elapsedMs = (this.#local.monotonicUs() - this.#base.atUs) / 1000
    return Math.round(this.#base.serverMs + elapsedMs + Math.max(0, this.jumpMs))
  }

  monotonicUs(): number {
    return this.#local.monotonicUs()
  }

  /** Calls `jumped` whenever the local clock has jumped, once for each jump, with how far. @param so What is done then, for the log. */
  watch(log: Log, so: string, jumped: (by: string) => void): Disposable {
    let asked = 0
    const look = () => {
      const { jumpMs } = this
      if (Math.abs(jumpMs) <= JUMP_MS) asked = 0
      if (Math.abs(jumpMs - asked) <= JUMP_MS) return
      asked = jumpMs
      const seconds = Math.round(jumpMs / 1000)
      log.warn(
        { event: 'clock.jumped', jumpMs: Math.round(jumpMs) },
        `Clock of this machine jumped by ${seconds} s: ${so}`,
      )
      jumped(`${seconds} s`)
    }
    const timer = setInterval(look, LOOK_MS).unref()
    return { [Symbol.dispose]: () => clearInterval(timer) }
  }
}
