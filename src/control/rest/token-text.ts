/**
 * API tokens as text: `bst_` and 43 characters of 32 random bytes, then 6 of a checksum over all before, all
 * base64url. The checksum tells a damaged or invented token without a look into the store, and lets scanners
 * find leaked ones.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const PREFIX = 'bst_'
const FORM = /^bst_[A-Za-z0-9_-]{43}[A-Za-z0-9_-]{6}$/

export function newTokenText(): string {
  const body = PREFIX + randomBytes(32).toString('base64url')
  return body + checksum(body)
}

/** @returns Whether the text has the form and the checksum of a token. */
export function isTokenText(text: string): boolean {
  return FORM.test(text) && checksum(text.slice(0, -6)) === text.slice(-6)
}

/** What the store keeps of a token. Random in full, so one round of SHA-256 is enough. */
export function hashToken(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function checksum(body: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(body))
  return bytes.toString('base64url')
}
