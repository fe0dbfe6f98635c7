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

export const ALPN_RELAY = 'backstitch-relay/1'
export const RELAY_VERSION = 1
export const RELAY_OK = 0
/** Version and family: says how long the rest is. */
export const RELAY_HEAD_BYTES = 2
const PORT_BYTES = 2
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex')

export interface PeerAddress {
  readonly address: string
  readonly port: number
}

export function encodeRelayHeader({ address, port }: PeerAddress): Buffer {
  const bytes = addressBytes(address)
  const out = Buffer.allocUnsafe(RELAY_HEAD_BYTES + bytes.length + PORT_BYTES)
  out.writeUInt8(RELAY_VERSION, 0)
  out.writeUInt8(bytes.length === 4 ? 4 : 6, 1)
  bytes.copy(out, RELAY_HEAD_BYTES)
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
  return { address: addressText(bytes), port: rest.readUInt16BE(bytes.length) }
}

function addressBytes(address: string): Buffer {
  const plain = address.split('%')[0]!
  if (/^\d+\.\d+\.\d+\.\d+$/.test(plain)) return Buffer.from(plain.split('.').map(Number))
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1]
  if (mapped !== undefined) return addressBytes(mapped)
  // URL writes every IPv6 address in one form, without dots.
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back]
  const out = Buffer.alloc(16)
  for (const [at, group] of groups.entries()) out.writeUInt16BE(Number.parseInt(group, 16), at * 2)
  return out
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  // One address has one text: an IPv4 address in an IPv6 form would be another to whoever compares.
  if (bytes.subarray(0, 12).equals(MAPPED)) return bytes.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
