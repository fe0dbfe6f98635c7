/**
 * Addresses as bytes: one reading, whatever the spelling; and what counts as one address where attempts and connections
 * are counted.
 *
 * @module
 */
import { isIPv4, isIPv6 } from 'node:net'

/** Four bytes or sixteen. A v4-mapped IPv6 address is its IPv4 address. */
export type AddressBytes = Uint8Array

/** Nothing if `text` is not an address. Zones (`%eth0`) and short, octal or hex IPv4 forms are not. */
export function addressBytes(text: string): AddressBytes | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  return isIPv6(text) && !text.includes('%') ? unmapped(v6Bytes(text)) : undefined
}

/** Only this machine hears it: 127.0.0.0/8, ::1, and the IPv4-mapped form. A name is none, whatever it stands for. */
export function isLoopback(text: string): boolean {
  const bytes = addressBytes(text)
  if (bytes?.length !== 16) return bytes?.[0] === 127
  return bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0)
}

/** The IPv4 address that an IPv6 form of it holds; any other as it is. */
export function unmapped(bytes: AddressBytes): AddressBytes {
  return bytes.length === 16 && isV4Mapped(bytes) ? bytes.subarray(12) : bytes
}

/** RFC 5952 for IPv6, dotted decimal for IPv4. */
export function addressText(bytes: AddressBytes): string {
  if (bytes.length === 4) return bytes.join('.')
  // The URL parser compresses as RFC 5952 asks.
  return new URL(`http://[${groupsOf(bytes).join(':')}]`).hostname.slice(1, -1)
}

/** All sixteen, of an IPv4-mapped address too. @param text A valid IPv6 address. */
export function v6Bytes(text: string): Uint8Array {
  const [head, tail] = text.split('::')
  const left = halfBytes(head!)
  const right = tail === undefined ? [] : halfBytes(tail)
  const out = new Uint8Array(16)
  out.set(left)
  if (tail !== undefined) out.set(right, 16 - right.length)
  return out
}

/**
 * By what limits count an address. IPv4 as it is, also when mapped into IPv6; of IPv6 the /64, which is what one machine
 * is given, or the /48 that one customer can have: whoever has it could send from each of its addresses in turn.
 */
export function limitKey(address: string, v6Prefix: 64 | 48 = 64): string {
  const bytes = addressBytes(address.split('%')[0]!)
  if (bytes === undefined) return address
  if (bytes.length === 4) return bytes.join('.')
  return `${groupsOf(bytes)
    .slice(0, v6Prefix / 16)
    .join(':')}::/${v6Prefix}`
}

/** The eight of an IPv6 address, without leading zeros. */
function groupsOf(bytes: Uint8Array): string[] {
  return Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
}

function halfBytes(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

function isV4Mapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
}
