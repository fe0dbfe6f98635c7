/**
 * Which networks a segment means, and what follows from that for special addresses: loopback, link-local and the like
 * are reached only where a network of the segment lies inside such a range. One that merely contains it names nothing.
 *
 * @module
 */
import { inCidrs, isAddress, isForbiddenAddress } from './destination.ts'
import type { PolicySegment } from './segment.ts'

/** A shorter prefix covers half the internet: it names no special range, it merely contains one. */
const MIN_EXPLICIT_PREFIX = 8

/** What the segment itself says of the addresses of one of its hosts. */
export function meantNetworks(
  { cidrs, addressCidrs }: Pick<PolicySegment, 'cidrs' | 'addressCidrs'>,
  host: string,
): string[] {
  return isAddress(host) ? cidrs.filter((cidr) => inCidrs(host, [cidr])) : [...addressCidrs]
}

/** Those that lie inside a special range. */
export function specialNetworks(networks: readonly string[]): string[] {
  return networks.map(partsOf).flatMap(({ base, prefix }) => {
    const named = prefix >= MIN_EXPLICIT_PREFIX && isForbiddenAddress(base)
    return named ? [`${base}/${prefix}`] : []
  })
}

/** True unless the address is a special one that none of `networks` names. */
export function mayDial(address: string, networks: readonly string[]): boolean {
  return !isForbiddenAddress(address) || inCidrs(address, specialNetworks(networks))
}

/** Of a CIDR, or of a single address. */
export function partsOf(cidr: string): { base: string; prefix: number; whole: boolean } {
  const [base = '', text] = cidr.split('/')
  const bits = base.includes(':') ? 128 : 32
  const prefix = text === undefined ? bits : Number(text)
  return { base, prefix, whole: prefix === bits }
}
