/**
 * That worker processes end unasked, for as long as somebody may ask why sessions broke: one that is killed is replaced
 * within a second, and nothing else shows it.
 *
 * @module
 */
import { rfc3339 } from './clock.ts'
import { Fault } from './faults.ts'

const WINDOW_MS = 600_000
/** What ends at once is started again every few seconds. */
const MOST = 200
/** As evidence. */
const MOST_TOLD = 10

export interface WorkerEndsTime {
  readonly nowMs?: () => number
  readonly monotonicMs?: () => number
}

interface WorkerEnd {
  readonly fault: Fault
  readonly at: string
  readonly monotonicMs: number
}

/** Those of one process, newest last. */
export class WorkerEnds {
  readonly #nowMs: () => number
  readonly #monotonicMs: () => number
  #ends: readonly WorkerEnd[] = []

  constructor({ nowMs = Date.now, monotonicMs = () => performance.now() }: WorkerEndsTime = {}) {
    this.#nowMs = nowMs
    this.#monotonicMs = monotonicMs
  }

  /** @param fault As its KeptProcess tells it, with its pid. */
  add(fault: Fault): void {
    const end = { fault, at: rfc3339(this.#nowMs()), monotonicMs: this.#monotonicMs() }
    this.#ends = [...this.#ends.slice(1 - MOST), end]
  }

  /** WORKER_ENDED, for ten minutes after the last one: its words change with the ends, not with the time. */
  get fault(): Fault | undefined {
    const fromMs = this.#monotonicMs() - WINDOW_MS
    this.#ends = this.#ends.filter(({ monotonicMs }) => monotonicMs > fromMs)
    const last = this.#ends.at(-1)
    if (last === undefined) return undefined
    const { fault, at } = last
    const many = this.#ends.length === 1 ? '1 end of a worker' : `${this.#ends.length} ends of workers`
    return new Fault('WORKER_ENDED', `${fault.detail}; ${many} in 10 min, the last at ${at}`, {
      hop: fault.hop,
      seen: {
        ...fault.seen,
        ends: this.#ends.slice(-MOST_TOLD).map((one) => `${one.at} ${one.fault.detail}`),
      },
    })
  }
}
