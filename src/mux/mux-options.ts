import type { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { Open, Reset } from '../wire/open.ts'
import type { MuxStream } from './stream.ts'

/** How one end of a tunnel behaves. The client opens streams, the connector answers them. */
export interface MuxOptions {
  readonly role: 'client' | 'connector'
  readonly log?: Log
  /** Streams open at once; the client refuses more with TOO_MANY_STREAMS, the connector resets them. Default 4 096. */
  readonly maxStreams?: number
  /** Bytes that local sockets may leave standing in this tunnel before the slow ones are reset. Default 128 MiB. */
  readonly maxHeldBytes?: number
  /** Connector: a client asks for a destination. Answer with `stream.accept` and `attach`, or `stream.reset`. */
  readonly onOpen?: (stream: MuxStream, open: Open) => void
  /** Connector: a signed grant came; OPENs that name it come after it. */
  readonly onGrant?: (jws: string) => void
  /** The peer takes no new streams; those open go on. */
  readonly onGoaway?: (why: Reset) => void
  /** Once, after every stream has ended. No fault: this end or the peer closed in good order. */
  readonly onClose?: (why: Fault | undefined) => void
  /** Default 5 s. */
  readonly pingIntervalMs?: number
  /** With a PING unanswered and nothing else from the peer for this long, the tunnel ends with TUNNEL_LOST. Default 10 s. */
  readonly pingTimeoutMs?: number
  /** Connector: a stream that has ended in one direction and moves nothing in the other is reset after this. Default 1 h. */
  readonly halfClosedMs?: number
}
