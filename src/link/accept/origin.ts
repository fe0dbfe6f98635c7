/**
 * Where somebody came from, as one text for logs, records and counters: `ADDRESS`, or `ADDRESS via EDGE` where the address
 * is the word of a remote edge. What an edge says of an address is so never taken for somebody who came directly, or by
 * another edge.
 *
 * @module
 */
import { limitKey } from '../../base/ip-address.ts'

const VIA = ' via '
/** Of whoever came by the admin socket: no address of the network. */
export const ON_THIS_MACHINE = 'this machine'

/** @param via The remote edge that says so. */
export function originText(address: string, via?: string): string {
  return via === undefined ? address : `${address}${VIA}${via}`
}

export interface OriginPlace {
  /** An IPv4 address, or the /64 that one IPv6 customer holds, of one edge. */
  readonly place: string
  /** Of IPv6 the /48, which one customer can have as well. */
  readonly network: string
  readonly via?: string
}

/** What counts as one place. */
export function placeOf(origin: string): OriginPlace {
  const [address = '', via] = origin.split(VIA)
  return { place: originText(limitKey(address), via), network: originText(limitKey(address, 48), via), via }
}
