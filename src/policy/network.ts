/** Networks as bytes: one reading, whatever the spelling. */
import { Fault } from '../base/faults.ts'
import { type AddressBytes, addressBytes, addressText } from '../base/ip-address.ts'
import { memoize } from './memoize.ts'

export interface Network {
  readonly bytes: AddressBytes
  readonly prefix: number
}

const V4_MAPPED_PREFIX = 96

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
export const networkOf = memoize(readNetwork)

export function networkHas({ bytes, prefix }: Network, address: AddressBytes): boolean {
  return bytes.length === address.length && sameStart(bytes, address, prefix)
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
