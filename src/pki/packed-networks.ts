/**
 * Networks as they are signed: five bytes for IPv4, seventeen for IPv6, as base64url. A grant with as many as a segment
 * may list stays within what one frame takes.
 *
 * @module
 */
import net from 'node:net'
import { Fault } from '../base/faults.ts'
import { addressText, v6Bytes } from '../base/ip-address.ts'

/** Added to the prefix of IPv6: what is up to 32 is one of IPv4. */
const V6 = 64

/** @param networks In canonical form, `10.0.0.0/8`, `fd00::/8`. @throws {Fault} INVALID for what is none. */
export function packNetworks(networks: readonly string[]): string {
  return Buffer.concat(networks.map(packed)).toString('base64url')
}

/** @throws {Fault} INVALID. */
export function unpackNetworks(text: string): string[] {
  const bytes = Buffer.from(text, 'base64url')
  const networks: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const head = bytes[at]!
    const size = head < V6 ? 4 : 16
    const prefix = head < V6 ? head : head - V6
    const address = bytes.subarray(at + 1, at + 1 + size)
    if (address.length < size || prefix > size * 8) throw new Fault('INVALID', 'networks that cannot be read')
    networks.push(`${addressText(address)}/${prefix}`)
    at += 1 + size
  }
  return networks
}

function packed(network: string): Buffer {
  const [address = '', prefix] = network.split('/')
  const family = net.isIP(address)
  if (family === 0 || prefix === undefined)
    throw new Fault('INVALID', `"${network.slice(0, 64)}" is not a network`)
  const bytes = family === 4 ? address.split('.').map(Number) : v6Bytes(address)
  return Buffer.from([Number(prefix) + (family === 4 ? 0 : V6), ...bytes])
}
