import { performance } from 'node:perf_hooks'
import type { Clock } from '../../base/clock.ts'
import type { ClientTunnel } from '../session/client-tunnel.ts'
import { BULK_BYTES_PER_SECOND, type ProcessLoad } from './spill.ts'

const MEASURE_EVERY_US = 100_000
/** What moves in a tunnel that no session has come to or left for so long is no request with its answer. */
const KEPT_US = 1_000_000
/** Whoever typed so short a time ago goes on. */
const TYPED_FOR_US = 5_000_000

export interface MeteredEngine {
  readonly opener: { readonly live: { readonly size: number }; readonly totals: { readonly total: number } }
  readonly tunnels: { all(): Iterable<Pick<ClientTunnel, 'bytesPerSecond' | 'lastUsedUs'>> }
}

/** What this process carries now: measured when asked, ten times a second at most. */
export class LoadMeter {
  readonly #engine: MeteredEngine
  readonly #clock: Clock
  #load: ProcessLoad = { sessions: 0, bytesPerSecond: 0, isTyped: false, busyShare: 0, newPerSecond: 0 }
  #measuredUs = Number.NEGATIVE_INFINITY
  #typedUs = Number.NEGATIVE_INFINITY
  #total = 0
  #loop = performance.eventLoopUtilization()

  constructor(engine: MeteredEngine, clock: Clock) {
    this.#engine = engine
    this.#clock = clock
  }

  get load(): ProcessLoad {
    const nowUs = this.#clock.monotonicUs()
    const elapsedUs = nowUs - this.#measuredUs
    if (elapsedUs < MEASURE_EVERY_US) return this.#load
    const { opener, tunnels } = this.#engine
    let bytesPerSecond = 0
    for (const tunnel of tunnels.all()) {
      const rate = tunnel.bytesPerSecond
      bytesPerSecond += rate
      const isKept = nowUs - tunnel.lastUsedUs > KEPT_US
      if (isKept && rate > 0 && rate < BULK_BYTES_PER_SECOND) this.#typedUs = nowUs
    }
    const loop = performance.eventLoopUtilization()
    this.#load = {
      sessions: opener.live.size,
      bytesPerSecond,
      isTyped: nowUs - this.#typedUs < TYPED_FOR_US,
      busyShare: performance.eventLoopUtilization(loop, this.#loop).utilization,
      newPerSecond: ((opener.totals.total - this.#total) / elapsedUs) * 1e6,
    }
    this.#loop = loop
    this.#total = opener.totals.total
    this.#measuredUs = nowUs
    return this.#load
  }
}
