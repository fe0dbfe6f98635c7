/**
 * Provisioning keys: what a connector is given instead of a password.
 *
 *     1|EDGE-HOST[:PORT]|PAYLOAD
 *     PAYLOAD  base64url of: 32 secret · 32 pin (SHA-256 of the tenant's root) · 4 CRC-32 of all before it
 *
 * The checksum covers version, host and port as they are written too. It is against damage on the way through mail
 * and chat, not against an attacker: what it protects is the person, who is told which character is wrong.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { isIP, isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { crc32 } from 'node:zlib'
import { Fault } from '../base/faults.ts'
import { urlHost } from '../base/host-port.ts'

export interface ProvisioningKey {
  /** Name or address, an IPv6 address without brackets. */
  readonly edgeHost: string
  /** 443 unless the key says otherwise. */
  readonly edgePort: number
  /** 32 random bytes, base64url. */
  readonly secret: string
  /** SHA-256 of the tenant's root certificate, 32 bytes. */
  readonly pin: Buffer
}

const VERSION = '1'
const DEFAULT_PORT = 443
const SECRET_BYTES = 32
const PIN_BYTES = 32
const PAYLOAD_BYTES = SECRET_BYTES + PIN_BYTES + 4
const PAYLOAD_CHARS = Math.ceil((PAYLOAD_BYTES * 4) / 3)
/** Version, the longest name and port, payload; anything over it is not a key and is not looked at. */
const MAX_KEY_CHARS = 2 + 253 + 6 + 1 + PAYLOAD_CHARS + 2
/** Over the limit, room is left for a key with some damage, so that the damage is named and not the length. */
const MAX_TEXT_CHARS = MAX_KEY_CHARS + 256

/** @throws {RangeError} if a part is not one that parseProvisioningKey reads back. */
export function formatProvisioningKey(key: ProvisioningKey): string {
  const secret = Buffer.from(key.secret, 'base64url')
  const host = urlHost(key.edgeHost)
  const prefix = `${VERSION}|${host}${key.edgePort === DEFAULT_PORT ? '' : `:${key.edgePort}`}|`
  const text = prefix + payload(prefix, Buffer.concat([secret, key.pin]))
  const back = readable(text)
  if (back?.edgeHost !== key.edgeHost || back.edgePort !== key.edgePort || back.secret !== key.secret) {
    throw new RangeError(
      `Cannot write provisioning key as host, port, secret or pin is not valid: got ${prefix}`,
    )
  }
  return text
}

/**
 * Reads a key as it comes out of a file: one line end after it is no error, anything else is.
 *
 * @throws {Fault} KEY_MISSING if there is nothing but a line end; KEY_MALFORMED with `seen.problem`, and where one
 * character is to blame `seen.character` (U+XXXX) and `seen.position` (1-based, in characters). The key itself is
 * never in the fault.
 */
export function parseProvisioningKey(text: string): ProvisioningKey {
  const key = text.replace(/\r?\n$/, '')
  if (key === '') throw new Fault('KEY_MISSING', 'the key is empty')
  if (key.length > MAX_TEXT_CHARS)
    malformed('too long', `it has ${key.length} characters, a key has at most ${MAX_KEY_CHARS}`)
  refuseForeignCharacters(key)

  const [version, address, body, ...more] = key.split('|')
  if (version !== VERSION) {
    malformed(
      'wrong version',
      `it begins with "${version!.slice(0, 16)}", but this program reads version ${VERSION}`,
      1,
    )
  }
  if (address === undefined || body === undefined) {
    malformed('missing part', 'it needs three parts separated by |', key.length + 1)
  }
  if (more.length > 0) {
    malformed(
      'too many parts',
      'it has more than three parts',
      version!.length + address.length + body.length + 3,
    )
  }
  const addressAt = version!.length + 2
  const { host, port } = readAddress(address, addressAt)
  const bytes = readPayload(body, addressAt + address.length + 1)
  const prefix = `${version}|${address}|`
  if (payload(prefix, bytes.subarray(0, SECRET_BYTES + PIN_BYTES)) !== body) {
    malformed('bad checksum', 'a character was changed, but which one is uncertain')
  }
  return {
    edgeHost: host,
    edgePort: port,
    secret: bytes.toString('base64url', 0, SECRET_BYTES),
    pin: Buffer.from(bytes.subarray(SECRET_BYTES, SECRET_BYTES + PIN_BYTES)),
  }
}

/** What the store keeps of a secret: SHA-256, hex. 256 random bits need no slow hash. Compare with timingSafeEqual. */
export function hashKeySecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

const ALLOWED = /[A-Za-z0-9_|.:[\]-]/

/** What mail programs, word processors and chats put in, by the name a person knows it by. */
const KNOWN: Readonly<Record<string, string>> = {
  '\uFEFF': 'byte order mark',
  '\u2018': 'left single smart quote',
  '\u2019': 'right single smart quote',
  '\u201C': 'left double smart quote',
  '\u201D': 'right double smart quote',
  '\u2013': 'en dash in place of a hyphen',
  '\u2014': 'em dash in place of a hyphen',
  '\u2026': 'ellipsis',
  '\u00A0': 'no-break space',
  '\u200B': 'zero-width space',
  '"': 'quotation mark',
  "'": 'apostrophe',
  ' ': 'space',
  '\t': 'tab',
  '\n': 'line end inside the key, or more than one after it',
  '\r': 'carriage return inside the key, or more than one after it',
  '\0': 'NUL',
  '=': 'padding, which a key does not have',
  '+': 'plus, where base64url has a hyphen',
  '/': 'slash, where base64url has an underscore',
}

function refuseForeignCharacters(key: string): void {
  let position = 0
  for (const character of key) {
    position++
    if (ALLOWED.test(character)) continue
    const name = KNOWN[character] ?? 'not part of any key'
    malformed(
      'foreign character',
      `${codePoint(character)} (${name}) at position ${position}`,
      position,
      character,
    )
  }
}

function readAddress(address: string, at: number): { host: string; port: number } {
  const parts = /^(?:\[([^\][]*)\]|([^:[\]]*))(?::([^:[\]]*))?$/.exec(address)
  const host = parts?.[1] ?? parts?.[2]
  if (!parts || host === undefined || !(parts[1] === undefined ? isEdgeName(host) : isIPv6(host))) {
    malformed('bad host', `"${address.slice(0, 253)}" is not a name or address of an edge`, at)
  }
  const digits = parts[3]
  if (digits === undefined) return { host, port: DEFAULT_PORT }
  const port = /^[1-9][0-9]{0,4}$/.test(digits) ? Number(digits) : 0
  if (port < 1 || port > 65_535) {
    malformed('bad port', `"${digits}" is not a port from 1 to 65535`, at + address.length - digits.length)
  }
  return { host, port }
}

/** Only a strict IPv4 address may end in a number: short, octal and hex forms mean different hosts to different readers. */
function isEdgeName(host: string): boolean {
  if (isIP(host)) return isIPv4(host)
  if (host.length > 253 || !/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i.test(host)) return false
  if (host.split('.').some((label) => label === '' || label.length > 63)) return false
  return !isIP(domainToASCII(host))
}

function readPayload(body: string, at: number): Buffer {
  const odd = /[^A-Za-z0-9_-]/.exec(body)
  if (odd) {
    const position = at + odd.index
    malformed('foreign character', `${codePoint(odd[0])} at position ${position}`, position, odd[0])
  }
  if (body.length < PAYLOAD_CHARS) {
    malformed(
      'truncated payload',
      `it ends after ${body.length} of ${PAYLOAD_CHARS} characters`,
      at + body.length,
    )
  }
  if (body.length > PAYLOAD_CHARS) {
    malformed(
      'payload too long',
      `it has ${body.length} characters, not ${PAYLOAD_CHARS}`,
      at + PAYLOAD_CHARS,
    )
  }
  return Buffer.from(body, 'base64url')
}

function payload(prefix: string, bytes: Buffer): string {
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(bytes, crc32(prefix)))
  return Buffer.concat([bytes, checksum]).toString('base64url')
}

function readable(text: string): ProvisioningKey | undefined {
  try {
    return parseProvisioningKey(text)
  } catch {
    return undefined
  }
}

function codePoint(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
}

function malformed(problem: string, detail: string, position?: number, character?: string): never {
  throw new Fault('KEY_MALFORMED', `${problem}: ${detail}`, {
    seen: {
      problem,
      ...(position === undefined ? {} : { position }),
      ...(character === undefined ? {} : { character: codePoint(character) }),
    },
  })
}
