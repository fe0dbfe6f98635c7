/**
 * The few bytes that turn a TLS connection with ALPN `backstitch-pipe/1` into one half of a pipe.
 * Spec: docs/protocol.md, "Handover".
 *
 *     agent → edge   u8 mode · u16 length · ticket (JWS, ASCII)           inside the outer TLS
 *     edge → agent   u8 0 (OK), or u8 code length · code, ASCII           inside the outer TLS
 *
 *     raw:           both drop the outer TLS; the TCP connection goes on
 *     agent → edge   0x06 (ACK), raw
 *     edge           forwards every byte after the ACK to the other half
 *
 *     wrapped:       the outer TLS goes on; every byte in it after the OK is the pipe's
 *
 * @module
 */
export const ALPN_CONTROL = 'backstitch-control/1'
/** Chosen by an edge in place of `backstitch-control/1` and relay, with its own certificate: the control plane is away. */
export const ALPN_AWAY = 'backstitch-away/1'
export const ALPN_PIPE = 'backstitch-pipe/1'
/** Inside a pipe, between client and connector. */
export const ALPN_TUNNEL = 'backstitch-tunnel/1'

export const MAX_TICKET_BYTES = 4096
export const HANDOVER_OK = 0
export const RAW_ACK = 0x06

/** How a half goes on after its OK. */
export type HalfMode = 'raw' | 'wrapped'
/** What an agent asks for: a half of a pipe, or a trial, which the edge itself is the other end of. */
export interface HandoverRequest {
  readonly mode: HalfMode
  readonly trial: boolean
  /** Of the ticket that follows, in bytes; 0 for a trial. */
  readonly ticketBytes: number
}

export const HANDOVER_HEADER_BYTES = 3
const WRAPPED = 1
const TRIAL = 2

export function encodeHandoverHeader({ mode, trial, ticketBytes }: HandoverRequest): Buffer {
  const out = Buffer.allocUnsafe(HANDOVER_HEADER_BYTES)
  out.writeUInt8((mode === 'wrapped' ? WRAPPED : 0) | (trial ? TRIAL : 0), 0)
  out.writeUInt16BE(ticketBytes, 1)
  return out
}

/** @returns Nothing for a mode that this version does not know. */
export function decodeHandoverHeader(bytes: Buffer): HandoverRequest | undefined {
  const flags = bytes.readUInt8(0)
  if (flags > (WRAPPED | TRIAL)) return undefined
  return {
    mode: (flags & WRAPPED) === 0 ? 'raw' : 'wrapped',
    trial: (flags & TRIAL) !== 0,
    ticketBytes: bytes.readUInt16BE(1),
  }
}
