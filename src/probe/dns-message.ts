/**
 * As much of DNS messages (RFC 1035, 4) as it takes to ask one resolver one question and read the addresses.
 *
 * @module
 */
import { domainToASCII } from 'node:url'
import { addressText } from '../base/ip-address.ts'

const HEADER_BYTES = 12
const TYPE = { A: 1, AAAA: 28 } as const
export type AddressType = keyof typeof TYPE

const RCODES: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
}

export interface DnsAnswer {
  readonly rcode: string
  readonly addresses: readonly { readonly address: string; readonly ttlSeconds: number }[]
}

/** @throws {RangeError} if `name` cannot stand in a question. */
export function encodeQuestion(id: number, name: string, type: AddressType): Buffer {
  const labels = domainToASCII(name.replace(/\.$/, '')).split('.')
  if (labels.some((label) => label.length === 0 || label.length > 63)) {
    throw new RangeError(`Cannot ask for a name as its labels must have 1 to 63 characters: got ${name}`)
  }
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100, 2) // recursion desired
  header.writeUInt16BE(1, 4)
  const question = labels.map((label) =>
    Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'),
  )
  return Buffer.concat([header, ...question, Buffer.from([0, 0, TYPE[type], 0, 1])])
}

/** The answer to question `id`, or nothing if these bytes are not that. */
export function decodeAnswer(message: Buffer, id: number): DnsAnswer | undefined {
  if (message.length < HEADER_BYTES || message.readUInt16BE(0) !== id) return undefined
  const flags = message.readUInt16BE(2)
  if ((flags & 0x8000) === 0) return undefined
  const rcode = RCODES[flags & 0xf] ?? `RCODE ${flags & 0xf}`
  try {
    let at = HEADER_BYTES
    for (let i = 0; i < message.readUInt16BE(4); i++) at = afterName(message, at) + 4
    const addresses: { address: string; ttlSeconds: number }[] = []
    for (let i = 0; i < message.readUInt16BE(6); i++) {
      at = afterName(message, at)
      const type = message.readUInt16BE(at)
      const length = message.readUInt16BE(at + 8)
      const data = message.subarray(at + 10, at + 10 + length)
      const address = addressOf(type, data)
      if (address !== undefined) addresses.push({ address, ttlSeconds: message.readUInt32BE(at + 4) })
      at += 10 + length
      if (at > message.length) return undefined
    }
    return { rcode, addresses }
  } catch {
    return undefined // cut short: not an answer to believe
  }
}

/** Names are skipped, never followed: a pointer ends one. */
function afterName(message: Buffer, start: number): number {
  for (let at = start; ; ) {
    const length = message.readUInt8(at)
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2
    at += 1 + length
  }
}

function addressOf(type: number, data: Buffer): string | undefined {
  const bytes = type === TYPE.A ? 4 : type === TYPE.AAAA ? 16 : undefined
  return data.length === bytes ? addressText(data) : undefined
}
