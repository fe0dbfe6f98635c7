import type { FaultCode } from '../../base/faults.ts'
import { Counts, Durations } from '../../base/metrics-text.ts'

/** Counted by the opener of sessions. */
export class ClientSessionTotals {
  total = 0
  failed = 0
  bytesUp = 0
  bytesDown = 0
  readonly failedBy = new Counts<FaultCode>()
  /** What a user waited for a session. */
  readonly setup = new Durations()

  fail(code: FaultCode): void {
    this.failed++
    this.failedBy.add(code)
  }

  opened(totalUs: number): void {
    this.setup.observe(totalUs)
  }
}
