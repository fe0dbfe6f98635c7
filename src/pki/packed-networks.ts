/**
 * Networks as they are signed: five bytes for IPv4, seventeen for IPv6, as base64url. A grant with as many as a segment
 * may list stays within what one frame takes.
 *
 * @module
 */
import net from 'node:net'
import { Fault } from '../base/faults.ts'

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
    networks.push(`${size === 4 ? address.join('.') : v6Text(address)}/${prefix}`)
    at += 1 + size
  }
  return networks
}

function packed(network: string): Buffer {
  const [address = '', prefix] = network.split('/')
  const family = net.isIP(address)
  if (family === 0 || prefix === undefined)
    throw new Fault('INVALID', `"${network.slice(0, 64)}" is no network`)
  const bytes = family === 4 ? address.split('.').map(Number) : v6Bytes(address)
  return Buffer.from([Number(prefix) + (family === 4 ? 0 : V6), ...bytes])
}

function v6Bytes(text: string): number[] {
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::')
  const groups = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const [left, right] = [groups(head), groups(tail ?? '')]
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
  return all.flatMap((group) => [group >> 8, group & 255])
}

function v6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
