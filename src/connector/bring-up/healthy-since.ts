import { type Clock, systemClock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'

/** Since when this connector is healthy, and how long it took to get there from its start. */
export class HealthySince {
  readonly #log: Log
  readonly #clock: Clock
  readonly #startedUs: number
  #sinceMs: number | undefined
  #startToHealthyMs: number | undefined

  constructor(log: Log, clock: Clock = systemClock) {
    this.#log = log
    this.#clock = clock
    this.#startedUs = clock.monotonicUs()
  }

  /** Unix milliseconds; nothing while it is not. */
  get sinceMs(): number | undefined {
    return this.#sinceMs
  }

  /** The first time. */
  get startToHealthyMs(): number | undefined {
    return this.#startToHealthyMs
  }

  set(healthy: boolean): void {
    if (!healthy) this.#sinceMs = undefined
    if (!healthy || this.#sinceMs !== undefined) return
    this.#sinceMs = this.#clock.nowMs()
    const first = this.#startToHealthyMs === undefined
    this.#startToHealthyMs ??= Math.round((this.#clock.monotonicUs() - this.#startedUs) / 1000)
    const startToHealthyMs = this.#startToHealthyMs
    this.#log.info(
      { event: 'connector.healthy', startToHealthyMs },
      first ? `Connector healthy ${startToHealthyMs} ms after startup` : 'Connector healthy again',
    )
  }
}
