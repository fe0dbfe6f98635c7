import type { FaultCode } from '../../base/faults.ts'
import { Counts, Durations, type ToldDurations } from '../../base/metrics-text.ts'

/** As one process tells them to another. */
export interface ToldTotals {
  readonly total: number
  readonly failed: number
  readonly bytesUp: number
  readonly bytesDown: number
  readonly failedBy: readonly (readonly [FaultCode, number])[]
  readonly setup: ToldDurations
}

/** Counted by the opener of sessions. */
export class ClientSessionTotals {
  total = 0
  failed = 0
  bytesUp = 0
  bytesDown = 0
  readonly failedBy = new Counts<FaultCode>()
  /** What a user waited for a session. */
  readonly setup = new Durations()

  get told(): ToldTotals {
    const { total, failed, bytesUp, bytesDown } = this
    return { total, failed, bytesUp, bytesDown, failedBy: this.failedBy.told, setup: this.setup.told }
  }

  fail(code: FaultCode): void {
    this.failed++
    this.failedBy.add(code)
  }

  opened(totalUs: number): void {
    this.setup.observe(totalUs)
  }

  addAll({ total, failed, bytesUp, bytesDown, failedBy, setup }: ToldTotals): void {
    this.total += total
    this.failed += failed
    this.bytesUp += bytesUp
    this.bytesDown += bytesDown
    for (const [code, times] of failedBy) this.failedBy.add(code, times)
    this.setup.addAll(setup)
  }
}
