/**
 * SOCKS5 messages, bytes ↔ values (RFC 1928). Pure. Each reader takes what has arrived so far and answers
 * `undefined` until its message is whole, so that how the bytes were split never matters. Nothing here can
 * grow: the longest message is MAX_REQUEST_BYTES.
 *
 *     greeting  05 · u8 count · count method bytes            reply  05 · method (00 none, FF no method is acceptable)
 *     request   05 · command · 00 · address · u16 port        reply  05 · code · 00 · address · u16 port
 *     address   01 · 4 bytes   |   03 · u8 length · name   |   04 · 16 bytes
 *     datagram  00 00 · u8 fragment · address · u16 port · data
 *
 * @module
 */
import { isIPv4, isIPv6 } from 'node:net'
import { Fault } from '../../base/faults.ts'
import { addressText, v6Bytes } from '../../base/ip-address.ts'

export const SOCKS_VERSION = 5
export const MAX_REQUEST_BYTES = 262

export const SocksCommand = { CONNECT: 1, BIND: 2, UDP_ASSOCIATE: 3 } as const

/** Reply codes of RFC 1928, section 6. */
export const SocksReply = {
  SUCCEEDED: 0,
  GENERAL_FAILURE: 1,
  NOT_ALLOWED: 2,
  NETWORK_UNREACHABLE: 3,
  HOST_UNREACHABLE: 4,
  CONNECTION_REFUSED: 5,
  TTL_EXPIRED: 6,
  COMMAND_NOT_SUPPORTED: 7,
  ADDRESS_TYPE_NOT_SUPPORTED: 8,
} as const
export type SocksReply = (typeof SocksReply)[keyof typeof SocksReply]

export const METHOD_NONE = Buffer.from([SOCKS_VERSION, 0x00])
export const METHOD_REFUSED = Buffer.from([SOCKS_VERSION, 0xff])

export interface SocksAddress {
  readonly host: string
  readonly port: number
}

export interface SocksRequest extends SocksAddress {
  readonly command: number
  /** Bytes of the message; what follows belongs to the session. */
  readonly used: number
}

export interface SocksDatagram extends SocksAddress {
  readonly data: Buffer
}

/** @throws {Fault} LOCAL_REQUEST_REFUSED if this is not the greeting of a SOCKS5 client. */
export function readGreeting(bytes: Buffer): { noAuth: boolean; used: number } | undefined {
  if (bytes.length < 1) return undefined
  if (bytes[0] !== SOCKS_VERSION) throw refused(`the first byte is ${bytes[0]}, not SOCKS version 5`)
  if (bytes.length < 2) return undefined
  const used = 2 + bytes[1]!
  if (bytes.length < used) return undefined
  return { noAuth: bytes.subarray(2, used).includes(0), used }
}

/**
 * @throws {Fault} LOCAL_REQUEST_REFUSED if the bytes break RFC 1928; BAD_DESTINATION if they carry an address
 *   type or a name that cannot be one.
 */
export function readRequest(bytes: Buffer): SocksRequest | undefined {
  if (bytes.length >= 1 && bytes[0] !== SOCKS_VERSION) throw refused(`request version ${bytes[0]}`)
  if (bytes.length >= 3 && bytes[2] !== 0) throw refused(`reserved byte ${bytes[2]}`)
  const address = readAddress(bytes, 3)
  if (address === undefined) return undefined
  return { command: bytes[1]!, host: address.host, port: address.port, used: address.end }
}

/** @throws {Fault} LOCAL_REQUEST_REFUSED for a fragment or a header that is cut off; BAD_DESTINATION as above. */
export function readDatagram(bytes: Buffer): SocksDatagram {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) throw refused('datagram without a SOCKS header')
  if (bytes[2] !== 0) throw refused(`datagram fragment ${bytes[2]}: fragments are not supported`)
  const address = readAddress(bytes, 3)
  if (address === undefined) throw refused('datagram header is cut off')
  return { host: address.host, port: address.port, data: bytes.subarray(address.end) }
}

/** A reply; the bound address is all zeros where the code is not 0. */
export function socksReply(code: SocksReply, bound: SocksAddress = { host: '0.0.0.0', port: 0 }): Buffer {
  return Buffer.concat([Buffer.from([SOCKS_VERSION, code, 0]), writeAddress(bound)])
}

/** The header that goes before a datagram to the local program. */
export function writeDatagramHeader(from: SocksAddress): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0]), writeAddress(from)])
}

function readAddress(bytes: Buffer, at: number): (SocksAddress & { end: number }) | undefined {
  if (bytes.length < at + 2) return undefined
  const type = bytes[at]!
  const start = type === 3 ? at + 2 : at + 1
  const length = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? bytes[at + 1]! : -1
  if (length === -1) throw new Fault('BAD_DESTINATION', `SOCKS address type ${type}`, { seen: { type } })
  if (length === 0) throw new Fault('BAD_DESTINATION', 'the SOCKS request has an empty host')
  const end = start + length + 2
  if (bytes.length < end) return undefined
  return {
    host: readHost(type, bytes.subarray(start, start + length)),
    port: bytes.readUInt16BE(end - 2),
    end,
  }
}

function readHost(type: number, raw: Buffer): string {
  if (type !== 3) return addressText(raw)
  try {
    return UTF8.decode(raw)
  } catch (cause) {
    throw new Fault('BAD_DESTINATION', 'the SOCKS host name is not UTF-8', { cause })
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function writeAddress({ host, port }: SocksAddress): Buffer {
  const name = Buffer.from(host, 'utf8')
  const head = isIPv4(host)
    ? Buffer.from([1, ...host.split('.').map(Number)])
    : isIPv6(host)
      ? Buffer.concat([Buffer.from([4]), v6Bytes(host)])
      : Buffer.concat([Buffer.from([3, name.length]), name])
  const out = Buffer.allocUnsafe(head.length + 2)
  head.copy(out)
  out.writeUInt16BE(port, head.length)
  return out
}

function refused(what: string): Fault {
  return new Fault('LOCAL_REQUEST_REFUSED', what)
}
