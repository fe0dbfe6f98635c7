import type { Budget } from './budget.ts'
import type { Outbox } from './outbox.ts'
import type { MuxStream } from './stream.ts'

/** What a stream needs of the tunnel it is in. */
export interface Tunnel {
  readonly role: 'client' | 'connector'
  readonly outbox: Outbox
  /** Windows promised beyond INITIAL_WINDOW. */
  readonly windows: Budget
  /** Bytes that local sockets have not taken yet. */
  readonly held: Budget
  readonly shortestRttUs: number
  /** Something threw that never should: that costs this stream, and nothing else. */
  defect(stream: MuxStream, thrown: unknown): void
  /** The stream is over; frames that still come for it mean nothing. */
  forget(stream: MuxStream): void
}
