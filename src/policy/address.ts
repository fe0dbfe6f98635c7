/** Addresses and networks as bytes: one reading, whatever the spelling. */
import { isIPv4, isIPv6 } from 'node:net'
import { Fault } from '../base/faults.ts'
import { remember } from './remember.ts'

/** Four bytes or sixteen. A v4-mapped IPv6 address is its IPv4 address. */
export type AddressBytes = Uint8Array

export interface Network {
  readonly bytes: AddressBytes
  readonly prefix: number
}

const V4_MAPPED_PREFIX = 96

/** Nothing if `text` is not an address. Zones (`%eth0`) and short, octal or hex IPv4 forms are not. */
export function addressBytes(text: string): AddressBytes | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  if (!isIPv6(text) || text.includes('%')) return undefined
  const bytes = v6Bytes(text)
  return isV4Mapped(bytes) ? bytes.subarray(12) : bytes
}

/** RFC 5952 for IPv6, dotted decimal for IPv4. */
export function addressText(bytes: AddressBytes): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
  // The URL parser compresses as RFC 5952 asks.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/**
 * @param text `10.0.0.0/8`, `2001:db8::/32`, or one address.
 * @throws {Fault} INVALID if it is no network, or has bits set after its prefix: two people would read it differently.
 */
export function readNetwork(text: string): Network {
  const [address, length, ...more] = text.split('/')
  const bytes = more.length === 0 ? addressBytes(address!) : undefined
  if (bytes === undefined) throw new Fault('INVALID', `"${text.slice(0, 64)}" is not a network`)
  const written = address!.includes(':') ? 128 : 32
  let prefix = length === undefined ? written : /^(0|[1-9][0-9]{0,2})$/.test(length) ? Number(length) : -1
  if (bytes.length === 4 && written === 128) prefix -= V4_MAPPED_PREFIX
  if (prefix < 0 || prefix > bytes.length * 8) {
    throw new Fault('INVALID', `"${text.slice(0, 64)}" has no valid prefix length`)
  }
  const network = masked(bytes, prefix)
  if (!sameStart(network, bytes, bytes.length * 8)) {
    throw new Fault('INVALID', `"${text}" has bits set after /${prefix}`, {
      seen: { network: text, meant: `${addressText(network)}/${prefix}` },
    })
  }
  return { bytes, prefix }
}

/** As readNetwork, remembered: rules and grants bring the same few networks with every stream. */
export const networkOf = remember(readNetwork)

export function networkHas({ bytes, prefix }: Network, address: AddressBytes): boolean {
  return bytes.length === address.length && sameStart(bytes, address, prefix)
}

function v6Bytes(text: string): Uint8Array {
  const [head, tail] = text.split('::')
  const left = groups(head!)
  const right = tail === undefined ? [] : groups(tail)
  const out = new Uint8Array(16)
  out.set(left)
  if (tail !== undefined) out.set(right, 16 - right.length)
  return out
}

function groups(text: string): number[] {
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

export function masked(bytes: AddressBytes, prefix: number): AddressBytes {
  return bytes.map((byte, i) => {
    const bits = Math.min(8, Math.max(0, prefix - 8 * i))
    return byte & (0xff << (8 - bits))
  })
}

function sameStart(left: Uint8Array, right: Uint8Array, bits: number): boolean {
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (left[i] !== right[i]) return false
  const rest = bits & 7
  return rest === 0 || ((left[whole]! ^ right[whole]!) & (0xff << (8 - rest)) & 0xff) === 0
}
