/**
 * Addresses that mean this machine, this link, many machines, a network of somebody's own or an IPv4 address in another
 * form: never what a name outside should resolve to, and reached only where a segment names them.
 *
 * @module
 */
import { addressBytes, addressText } from '../base/ip-address.ts'
import { type Network, networkHas, networkOf, readNetwork } from './network.ts'
import { SPECIAL_RANGES } from './special-ranges.ts'

interface Range extends Network {
  readonly is: string
}

const SPECIAL: readonly Range[] = SPECIAL_RANGES.map(({ network, is }) => ({ ...readNetwork(network), is }))

/** IPv6 forms that carry an IPv4 address, and at which byte: a translator on the way would send it there. */
const CARRIES_V4: readonly { network: Network; at: number; inverted?: true }[] = [
  { network: readNetwork('::ffff:0:0:0/96'), at: 12 },
  { network: readNetwork('64:ff9b::/96'), at: 12 },
  { network: readNetwork('64:ff9b:1::/48'), at: 12 }, // as nearly everybody lays it out
  { network: readNetwork('2001::/32'), at: 12, inverted: true },
  { network: readNetwork('2002::/16'), at: 2 },
]

/**
 * Special, itself or by the IPv4 address it carries. Text that is no address is, too: `fe80::1%eth0` is one to the system
 * that would dial it.
 */
export function isForbiddenAddress(address: string): boolean {
  return whatIsSpecial(address) !== undefined
}

/** Why an address is special, in the middle of a sentence; the narrowest reason. */
export function whatIsSpecial(address: string): string | undefined {
  const whole = wholeOf(address)
  if (whole === undefined) return 'no address'
  return rangesOf(whole).reduce<Range | undefined>(narrower, undefined)?.is
}

function narrower(best: Range | undefined, range: Range): Range {
  return best === undefined || share(range) > share(best) ? range : best
}

function share({ bytes, prefix }: Network): number {
  return prefix / (bytes.length * 8)
}

/** The IPv4 address that a translator would make of an IPv6 address; nothing of another one. */
export function carriedV4(address: string): string | undefined {
  const whole = wholeOf(address)
  const inner = whole && carriedBy(whole)
  return inner && addressText(inner.bytes)
}

/** The whole network lies in a special range: it names that, and does not merely contain it. */
export function isSpecialNetwork(cidr: string): boolean {
  return rangesOf(networkOf(cidr)).length > 0
}

/** Each special range that the address is in is named by a network of `cidrs` that has the address. */
export function isNamed(address: string, cidrs: readonly string[]): boolean {
  const whole = wholeOf(address)
  if (whole === undefined) return false
  const ranges = rangesOf(whole)
  if (ranges.length === 0) return true
  const naming = cidrs.map(networkOf).filter((network) => networkHas(network, whole.bytes))
  const named = new Set(naming.flatMap(rangesOf))
  return ranges.every((range) => named.has(range))
}

/** The special ranges that all of a network lies in. */
function rangesOf(network: Network): Range[] {
  const inner = carriedBy(network)
  return SPECIAL.filter((range) => holds(range, network) || (inner !== undefined && holds(range, inner)))
}

function carriedBy(network: Network): Network | undefined {
  const { bytes, prefix } = network
  const carrier = CARRIES_V4.find((one) => prefix >= one.at * 8 && networkHas(one.network, bytes))
  const at = carrier?.at ?? (isIsatap(network) ? 12 : undefined)
  if (at === undefined) return undefined
  const inner = bytes.subarray(at, at + 4)
  return {
    bytes: carrier?.inverted ? inner.map((byte) => byte ^ 0xff) : inner,
    prefix: Math.min(32, prefix - at * 8),
  }
}

/** The second half of the address is 0:5efe or 200:5efe, and then IPv4 (RFC 5214), whatever the network is. */
function isIsatap({ bytes, prefix }: Network): boolean {
  if (bytes.length !== 16 || prefix < 96) return false
  return (bytes[8] === 0 || bytes[8] === 2) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe
}

function holds(range: Network, network: Network): boolean {
  return range.prefix <= network.prefix && networkHas(range, network.bytes)
}

function wholeOf(address: string): Network | undefined {
  const bytes = addressBytes(address)
  return bytes && { bytes, prefix: bytes.length * 8 }
}
