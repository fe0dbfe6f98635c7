/**
 * Addresses that mean another machine to each who says them: as the word of a remote edge about its peer they tell nothing.
 *
 * @module
 */
import os from 'node:os'
import { addressBytes } from '../../base/ip-address.ts'
import { networkHas, readNetwork } from '../../policy/network.ts'

const NOBODY = [
  '0.0.0.0/8', // this network
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
  '::/96', // unspecified, loopback, and IPv4 in a form long withdrawn
  'fe80::/10', // link-local
  'ff00::/8', // multicast
].map(readNetwork)

/** Whether a peer of an edge can have this address as others understand it. */
export function isClaimable(address: string): boolean {
  const bytes = addressBytes(address)
  return bytes !== undefined && !NOBODY.some((network) => networkHas(network, bytes))
}

/**
 * What an edge says of a peer: its address; of one on its own machine or link, who has none that others understand, the
 * address of the edge.
 *
 * @param own The end of a connection of the edge that its home sees.
 */
export function addressToClaim(peer: string, own: string | undefined): string {
  const all = Object.values(os.networkInterfaces()).flatMap((addresses = []) => addresses)
  // Its way home may begin at a proxy or forwarder of its own machine.
  const others = isClaimable(peer) ? [] : all.map(({ address }) => address)
  return [peer, own ?? '', ...others].find(isClaimable) ?? peer
}
