import type { FaultCode } from '../base/faults.ts'
import type { Opened } from '../wire/open.ts'

/** What the opener of a stream is told. */
export interface StreamEvents {
  opened(opened: Opened): void
  closed(end: StreamEnd): void
}

/** How a stream ended, for the session record. */
export interface StreamEnd {
  /** `done`: both directions reached their end, and the sockets at both ends have taken everything. */
  readonly reason: 'done' | FaultCode
  readonly by: 'local' | 'remote'
  readonly detail: string
  /** User bytes sent into the tunnel. */
  readonly bytesOut: number
  /** User bytes that came out of the tunnel. */
  readonly bytesIn: number
}
