/**
 * The few bytes that turn a TLS connection with ALPN `backstitch-pipe/1` into one raw half of a pipe.
 * Spec: docs/protocol.md, "Handover".
 *
 *     agent → edge   u16 length · ticket (JWS, ASCII)                     inside the outer TLS
 *     edge → agent   u8 0 (OK), or u8 code length · code, ASCII           inside the outer TLS
 *     both           drop the outer TLS; the TCP connection goes on, raw
 *     agent → edge   0x06 (ACK), raw
 *     edge           forwards every byte after the ACK to the other half
 *
 * @module
 */
export const ALPN_CONTROL = 'backstitch-control/1'
export const ALPN_PIPE = 'backstitch-pipe/1'
/** Inside a pipe, between client and connector. */
export const ALPN_TUNNEL = 'backstitch-tunnel/1'

export const MAX_TICKET_BYTES = 4096
export const HANDOVER_OK = 0
export const RAW_ACK = 0x06
