import type { ByteBudget } from './byte-budget.ts'
import type { SendScheduler } from './send-scheduler.ts'

/** What a stream needs of the tunnel it is in. */
export interface StreamContext {
  readonly role: 'client' | 'connector'
  readonly scheduler: SendScheduler
  /** Windows promised beyond INITIAL_WINDOW. */
  readonly windows: ByteBudget
  /** Bytes that local sockets have not taken yet. */
  readonly held: ByteBudget
  readonly shortestRttUs: number
  /** Something threw that never should: the log is told, and the stream ends itself. */
  defect(stream: number, thrown: unknown): void
  /** The stream is over; frames that still come for it mean nothing. */
  forget(stream: number): void
}
