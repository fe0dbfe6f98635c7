/**
 * Who may hold how much of what: each limit that keeps one device, user, token, connector or address from taking what
 * others need. The code takes its numbers from here; docs/operations.md is written from here, and each row names the
 * test that shows one being refused while another is served (test/shares-page.test.ts).
 *
 * @module
 */
import type { FaultCode, Hop } from '../faults.ts'
import type { PoolRow, Principal, RateRow } from '../shares.ts'

/** What is bounded in another way than by a pool or a rate. */
interface OwnRow {
  readonly resource: string
  readonly by: Principal
  readonly limit: string
  readonly code: FaultCode | 'none'
  readonly hop: Hop
}

interface ToldLimit {
  /** What somebody who meets the limit sees, where the code alone does not say it. */
  readonly note?: string
  /** `file: name of the test`. */
  readonly test: string
}

export type ShareRow = (PoolRow | RateRow | OwnRow) & ToldLimit
