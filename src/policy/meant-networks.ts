/**
 * Which networks a segment means, and what follows from that for special addresses: loopback, unique local and the like
 * are reached only where a network of the segment lies inside such a range. One that merely contains it names nothing.
 *
 * @module
 */
import { inCidrs, isAddress } from './destination.ts'
import type { PolicySegment } from './segment.ts'
import { isSpecialNetwork } from './special-address.ts'

/** What the segment itself says of the addresses of one of its hosts. */
export function meantNetworks(
  { cidrs, addressCidrs }: Pick<PolicySegment, 'cidrs' | 'addressCidrs'>,
  host: string,
): string[] {
  return isAddress(host) ? cidrs.filter((cidr) => inCidrs(host, [cidr])) : [...addressCidrs]
}

/** Those that lie inside a special range. */
export function specialNetworks(networks: readonly string[]): string[] {
  return networks.filter(isSpecialNetwork)
}

/** Of a CIDR, or of a single address. */
export function networkPartsOf(cidr: string): { base: string; prefix: number; whole: boolean } {
  const [base = '', text] = cidr.split('/')
  const bits = base.includes(':') ? 128 : 32
  const prefix = text === undefined ? bits : Number(text)
  return { base, prefix, whole: prefix === bits }
}
