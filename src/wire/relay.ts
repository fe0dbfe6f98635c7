/**
 * What a remote edge says of a connection before it passes it on to the home edge: who the peer is. Inside mutual TLS
 * with ALPN `backstitch-relay/1`, where the certificate of the edge is what makes it true.
 * Spec: docs/protocol.md, "Relay".
 *
 *     remote → home   u8 version · u8 4 or 6 · address (4 or 16 bytes) · u16 port
 *     home → remote   u8 0 (OK), or u8 code length · code, ASCII
 *     both            the connection of the peer, from its first byte
 *
 * @module
 */
import { addressBytes, addressText, unmapped } from '../base/ip-address.ts'

export const ALPN_RELAY = 'backstitch-relay/1'
export const RELAY_VERSION = 1
export const RELAY_OK = 0
/** Version and family: says how long the rest is. */
export const RELAY_HEAD_BYTES = 2
const PORT_BYTES = 2

export interface PeerAddress {
  readonly address: string
  readonly port: number
}

export function encodeRelayHeader({ address, port }: PeerAddress): Buffer {
  const bytes = addressBytes(address.split('%')[0]!)
  if (bytes === undefined) throw new RangeError(`Cannot name the peer: expected an address, got "${address}"`)
  const out = Buffer.allocUnsafe(RELAY_HEAD_BYTES + bytes.length + PORT_BYTES)
  out.writeUInt8(RELAY_VERSION, 0)
  out.writeUInt8(bytes.length === 4 ? 4 : 6, 1)
  out.set(bytes, RELAY_HEAD_BYTES)
  out.writeUInt16BE(port, RELAY_HEAD_BYTES + bytes.length)
  return out
}

/** How many bytes follow the head. @returns Nothing for a head that this version does not know. */
export function relayRestBytes(head: Buffer): number | undefined {
  if (head[0] !== RELAY_VERSION) return undefined
  if (head[1] === 4) return 4 + PORT_BYTES
  return head[1] === 6 ? 16 + PORT_BYTES : undefined
}

/** The peer, from what follows the head. */
export function decodeRelayRest(rest: Buffer): PeerAddress {
  const bytes = rest.subarray(0, rest.length - PORT_BYTES)
  // One address has one text: an IPv4 address in an IPv6 form would be another to whoever compares.
  return { address: addressText(unmapped(bytes)), port: rest.readUInt16BE(bytes.length) }
}
