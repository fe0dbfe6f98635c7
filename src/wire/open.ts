/**
 * Payloads of OPEN, OPENED, RESET and GOAWAY. Spec: docs/protocol.md, "Payloads".
 *
 *     OPEN     30 session id, ASCII · 16 grant id · u8 protocol (6 TCP, 17 UDP) · u16 port · u8 host length · host, ASCII, of a name with its final dot if it was asked for so
 *     OPENED   u32 dns µs · u32 connect µs · u8 address length · address, ASCII
 *     RESET    u8 code length · code, ASCII · detail, UTF-8, at most 1 024 bytes
 *     GOAWAY   as RESET
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { Fault, type FaultCode, isFaultCode } from '../base/faults.ts'
import { MAX_DETAIL_BYTES, MAX_HOST_CHARS } from './limits.ts'

export type Protocol = 'tcp' | 'udp'

export interface Open {
  /** Session id as everyone logs it, `ses_…`. */
  readonly session: string
  /** First 16 bytes of the SHA-256 of the grant that a GRANT frame brought, as 32 hex digits. */
  readonly grant: string
  readonly protocol: Protocol
  /** Canonical host name or address. */
  readonly host: string
  /** The name was asked for with its final dot: no search domain may be put behind it. */
  readonly absolute?: true
  readonly port: number
}

export interface Opened {
  readonly dnsUs: number
  readonly connectUs: number
  /** Address the connector connected to. */
  readonly address: string
}

export interface Reset {
  readonly code: FaultCode
  readonly detail: string
}

/** How an OPEN names a grant sent before it in the same tunnel. */
export function grantReference(grant: string): string {
  return createHash('sha256').update(grant).digest('hex').slice(0, 32)
}

const PROTOCOL_NUMBER = { tcp: 6, udp: 17 } as const
const SESSION_BYTES = 30 // "ses_" and 26 characters
const GRANT_BYTES = 16
const OPEN_FIXED_BYTES = SESSION_BYTES + GRANT_BYTES + 4

export function encodeOpen(open: Open): Buffer {
  if (open.host.length < 1 || open.host.length > MAX_HOST_CHARS)
    throw new RangeError(
      `Cannot encode OPEN as host must be 1..${MAX_HOST_CHARS} bytes: got ${open.host.length}`,
    )
  const host = Buffer.from(open.absolute ? `${open.host}.` : open.host, 'ascii')
  const out = Buffer.allocUnsafe(OPEN_FIXED_BYTES + host.length)
  // What a short id left unwritten would go out as it lay in memory.
  if (
    out.write(open.session, 0, SESSION_BYTES, 'ascii') !== SESSION_BYTES ||
    out.write(open.grant, SESSION_BYTES, GRANT_BYTES, 'hex') !== GRANT_BYTES
  ) {
    throw new RangeError('Cannot encode OPEN as its session or grant is too short')
  }
  let at = SESSION_BYTES + GRANT_BYTES
  at = out.writeUInt8(PROTOCOL_NUMBER[open.protocol], at)
  at = out.writeUInt16BE(open.port, at)
  at = out.writeUInt8(host.length, at)
  host.copy(out, at)
  return out
}

/** @throws {Fault} PROTOCOL_ERROR if the bytes are not exactly one OPEN payload. */
export function decodeOpen(bytes: Buffer): Open {
  if (bytes.length < OPEN_FIXED_BYTES + 1) throw broken('OPEN', `${bytes.length} bytes`)
  const session = bytes.toString('latin1', 0, SESSION_BYTES)
  if (!/^ses_[0-9a-z]{26}$/.test(session)) throw broken('OPEN', 'no session id')
  const number = bytes[SESSION_BYTES + GRANT_BYTES]
  const protocol = number === 6 ? 'tcp' : number === 17 ? 'udp' : undefined
  if (protocol === undefined) throw broken('OPEN', `protocol ${number}`)
  const port = bytes.readUInt16BE(SESSION_BYTES + GRANT_BYTES + 1)
  if (port === 0) throw broken('OPEN', 'port 0')
  const hostLength = bytes[OPEN_FIXED_BYTES - 1]!
  if (bytes.length !== OPEN_FIXED_BYTES + hostLength) throw broken('OPEN', 'host length')
  const written = bytes.toString('latin1', OPEN_FIXED_BYTES)
  if (!/^[\x21-\x7e]+$/.test(written)) throw broken('OPEN', 'host characters')
  const absolute = written.length > 1 && written.endsWith('.')
  const host = absolute ? written.slice(0, -1) : written
  if (host.length > MAX_HOST_CHARS) throw broken('OPEN', `a host of ${host.length} characters`)
  return {
    session,
    grant: bytes.toString('hex', SESSION_BYTES, SESSION_BYTES + GRANT_BYTES),
    protocol,
    host,
    ...(absolute && { absolute }),
    port,
  }
}

export function encodeOpened(opened: Opened): Buffer {
  const address = Buffer.from(opened.address, 'ascii')
  const out = Buffer.allocUnsafe(9 + address.length)
  out.writeUInt32BE(clampU32(opened.dnsUs), 0)
  out.writeUInt32BE(clampU32(opened.connectUs), 4)
  out.writeUInt8(address.length, 8)
  address.copy(out, 9)
  return out
}

/** @throws {Fault} PROTOCOL_ERROR if the bytes are not exactly one OPENED payload. */
export function decodeOpened(bytes: Buffer): Opened {
  if (bytes.length < 9 || bytes.length !== 9 + bytes[8]!) throw broken('OPENED', `${bytes.length} bytes`)
  const address = bytes.toString('latin1', 9)
  if (!/^[\x21-\x7e]*$/.test(address)) throw broken('OPENED', 'address characters')
  return { dnsUs: bytes.readUInt32BE(0), connectUs: bytes.readUInt32BE(4), address }
}

/** A detail over 1 024 bytes is cut: it is for people. */
export function encodeReset(reset: Reset): Buffer {
  const detail = Buffer.from(reset.detail, 'utf8').subarray(0, MAX_DETAIL_BYTES)
  return Buffer.concat([Buffer.from([reset.code.length]), Buffer.from(reset.code, 'ascii'), detail])
}

/** A code this version does not know becomes INTERNAL with the code kept in the detail. @throws {Fault} PROTOCOL_ERROR. */
export function decodeReset(bytes: Buffer): Reset {
  const length = bytes[0] ?? 0
  if (
    length < 1 ||
    length > 64 ||
    bytes.length < 1 + length ||
    bytes.length > 1 + length + MAX_DETAIL_BYTES
  ) {
    throw broken('RESET', `${bytes.length} bytes`)
  }
  const code = bytes.toString('latin1', 1, 1 + length)
  if (!/^[A-Z_0-9]+$/.test(code)) throw broken('RESET', 'code characters')
  const detail = bytes.toString('utf8', 1 + length)
  return isFaultCode(code)
    ? { code, detail }
    : { code: 'INTERNAL', detail: `${code} (not known to this version): ${detail}` }
}

function clampU32(value: number): number {
  return Math.max(0, Math.min(0xffff_ffff, Math.round(value)))
}

function broken(frame: string, what: string): Fault {
  return new Fault('PROTOCOL_ERROR', `${frame} payload is malformed: ${what}`)
}
