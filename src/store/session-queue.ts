import { nextTurn } from '../base/slices.ts'
import type { RefusedReport } from './session-merge.ts'
import type { ReportedSession } from './session-record.ts'

/** Reports wait this long for others, so that thousands a second cost few writes. */
const BATCH_MS = 100
/** As many are written in one step: whoever else needs this thread, or the lock, comes between. */
const STEP = 256
/** As many go at once. */
const BATCH_MAX = 2000

/** Reports of one agent that came together. */
export interface Lot {
  readonly reported: readonly ReportedSession[]
  readonly done: PromiseWithResolvers<RefusedReport[]>
}

/**
 * Reports that wait to be written. Agents take turns, each with one lot: who tells of thousands waits for their own, and
 * keeps nobody else.
 */
export class SessionQueue {
  /** Reports that wait or are being written. */
  size = 0
  /** By agent: in the order of whose turn it is. */
  readonly #waiting = new Map<string, Lot[]>()
  readonly #write: (lots: readonly Lot[]) => Promise<void>
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  /** @param write Each lot whole. Never rejects: the promise of each lot does. */
  constructor(write: (lots: readonly Lot[]) => Promise<void>) {
    this.#write = write
  }

  add(reported: readonly ReportedSession[]): Promise<RefusedReport[]> {
    if (reported.length === 0) return Promise.resolve([])
    const lot = { reported, done: Promise.withResolvers<RefusedReport[]>() }
    const { agent } = reported[0]!
    const own = this.#waiting.get(agent)
    if (own === undefined) this.#waiting.set(agent, [lot])
    else own.push(lot)
    this.size += reported.length
    if (this.size >= BATCH_MAX) void this.flush()
    else this.#timer ??= setTimeout(() => void this.flush(), BATCH_MS).unref()
    return lot.done.promise
  }

  /** Writes what waits, and what comes meanwhile. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      const lots = this.#step()
      await this.#write(lots)
      for (const { reported } of lots) this.size -= reported.length
      await nextTurn()
    }
  }

  /** One of each agent until there are enough. */
  #step(): Lot[] {
    const lots: Lot[] = []
    let count = 0
    while (this.#waiting.size > 0) {
      const [agent, own] = this.#waiting.entries().next().value!
      const next = own[0]!
      if (count > 0 && count + next.reported.length > STEP) break
      own.shift()
      this.#waiting.delete(agent)
      if (own.length > 0) this.#waiting.set(agent, own)
      lots.push(next)
      count += next.reported.length
    }
    return lots
  }
}
