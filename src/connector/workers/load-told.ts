import type { FaultCode } from '../../base/faults.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { Services } from '../tunnels/services.ts'
import type { LoadMessage, SharedPools } from './worker-messages.ts'

const NOTHING = { taken: 0, most: [] } as const
/** A rate is that of the last second. */
const RATE_MS = 1000

/** What another process carries, as it last said, and what it has counted, which goes into the totals here. */
export class LoadTold {
  sessions = 0
  held: SharedPools = { sessions: NOTHING, dials: NOTHING, udpPorts: NOTHING }
  readonly #main: Services
  readonly #refused = new Map<FaultCode, number>()
  readonly #strangers = new Map<StreamEnd['reason'], number>()
  #verified = 0
  #shed = 0
  #samples: readonly { readonly atMs: number; readonly bytes: number }[] = []

  constructor(main: Services) {
    this.#main = main
  }

  get bytesPerSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0
    return Math.round(((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs))
  }

  take(news: LoadMessage): void {
    const { authority, ledger, reports } = this.#main
    const atMs = performance.now()
    const recent = this.#samples.filter((one) => one.atMs > atMs - RATE_MS * 1.25)
    this.#samples = [...recent, { atMs, bytes: news.bytes }]
    this.sessions = news.sessions
    this.held = news.held
    authority.totals.verified += news.grantsVerified - this.#verified
    this.#verified = news.grantsVerified
    for (const [code, count] of news.grantsRefused) {
      authority.totals.refusedBy.add(code, count - (this.#refused.get(code) ?? 0))
      this.#refused.set(code, count)
    }
    for (const [reason, count] of news.strangers) {
      ledger.totals.byOutcome.add(reason, count - (this.#strangers.get(reason) ?? 0))
      this.#strangers.set(reason, count)
    }
    if (news.shed > this.#shed) reports.lose(news.shed - this.#shed)
    this.#shed = news.shed
  }
}
