/**
 * Tunnel frames: the only bytes inside the end-to-end TLS session. Spec: docs/protocol.md, "Frames".
 *
 *     offset  size  field    meaning
 *          0     1  type     FrameType
 *          1     1  flags    bit 0: FIN, the sender sends no more DATA on this stream
 *          2     2  length   payload bytes that follow, 0..MAX_PAYLOAD
 *          4     4  stream   1.. in the order opened by the client; 0: the tunnel itself
 *
 * Integers are unsigned and big-endian. Unknown types, unknown flags and over-long control frames are a
 * protocol error. A full DATA frame is HEADER_BYTES + MAX_PAYLOAD = 65 536 bytes: exactly four full TLS
 * records, filled by one read from the local socket with no copy (docs/decisions.md, "Frame size").
 *
 * Flow: the client sends GRANT (once per grant), then OPEN and may send DATA in the same flight, within
 * INITIAL_WINDOW. The connector answers OPENED or RESET. Either side ends with FIN on its last DATA, which the other
 * side acknowledges with TAKEN, or with RESET.
 *
 * @module
 */
import { Fault } from '../base/faults.ts'

export const HEADER_BYTES = 8
export const MAX_PAYLOAD = 65_528
/** Every frame but DATA and DATAGRAM fits in this, so that a control frame is cheap to hold while it arrives. */
export const MAX_CONTROL_PAYLOAD = 16_376
/** DATA bytes each side may send on a stream before the first WINDOW. */
export const INITIAL_WINDOW = 262_144

export const FrameType = {
  OPEN: 1, // wire/open.ts
  OPENED: 2, // wire/open.ts
  DATA: 3, // user bytes, counted against the receiver's window; may be empty with FIN
  WINDOW: 4, // uint32: bytes the receiver has taken and can take again
  RESET: 5, // wire/open.ts: fault code and text
  DATAGRAM: 6, // one UDP datagram, not counted; dropped when the receiver is slow, as UDP is
  PING: 7, // 8 opaque bytes; stream 0
  PONG: 8, // the 8 bytes of the PING; stream 0
  GRANT: 9, // a signed grant (JWS, ASCII); stream 0. The connector answers only if it refuses: GOAWAY or RESET of its streams
  GOAWAY: 10, // fault code and text as in RESET; stream 0: no new streams, those open go on
  TAKEN: 11, // empty: the local socket has taken everything up to the FIN of the peer, and its own end
} as const
export type FrameType = (typeof FrameType)[keyof typeof FrameType]

export const FIN = 1

const LONG: ReadonlySet<number> = new Set([FrameType.DATA, FrameType.DATAGRAM])
const OF_TUNNEL: ReadonlySet<number> = new Set([
  FrameType.PING,
  FrameType.PONG,
  FrameType.GRANT,
  FrameType.GOAWAY,
])

/** Writes a header at `offset`; the payload of `length` bytes follows it in the same buffer. */
export function writeHeader(
  into: Buffer,
  offset: number,
  type: FrameType,
  fin: boolean,
  length: number,
  stream: number,
): void {
  into[offset] = type
  into[offset + 1] = fin ? FIN : 0
  into[offset + 2] = length >>> 8
  into[offset + 3] = length & 0xff
  into[offset + 4] = stream >>> 24
  into[offset + 5] = (stream >>> 16) & 0xff
  into[offset + 6] = (stream >>> 8) & 0xff
  into[offset + 7] = stream & 0xff
}

/**
 * Throws unless the eight header bytes are ones the protocol allows. Called before anything is allocated.
 *
 * @throws {Fault} PROTOCOL_ERROR naming the field and what came.
 */
export function checkHeader(type: number, flags: number, length: number, stream: number): void {
  if (type < FrameType.OPEN || type > FrameType.TAKEN) refuse(`unknown frame type ${type}`)
  if (flags > FIN || (flags === FIN && type !== FrameType.DATA))
    refuse(`flags ${flags} on frame type ${type}`)
  if (length > (LONG.has(type) ? MAX_PAYLOAD : MAX_CONTROL_PAYLOAD))
    refuse(`length ${length} of frame type ${type}`)
  if (OF_TUNNEL.has(type) !== (stream === 0)) refuse(`frame type ${type} on stream ${stream}`)
}

function refuse(what: string): never {
  throw new Fault('PROTOCOL_ERROR', `the tunnel carried ${what}`)
}

/** One whole frame as a buffer of its own: for control frames and tests; DATA of the hot path is written in place. */
export function encodeFrame(
  type: FrameType,
  stream: number,
  payload: Uint8Array = EMPTY,
  fin = false,
): Buffer {
  checkHeader(type, fin ? FIN : 0, payload.length, stream)
  const out = Buffer.allocUnsafe(HEADER_BYTES + payload.length)
  writeHeader(out, 0, type, fin, payload.length, stream)
  out.set(payload, HEADER_BYTES)
  return out
}

const EMPTY = new Uint8Array(0)
