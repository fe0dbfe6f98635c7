import { randomFillSync } from 'node:crypto'

/** Crockford base 32: no I, L, O, U, so that an id survives being read aloud. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** What an id names, by its prefix. */
export type IdPrefix =
  | 'con'
  | 'dev'
  | 'edg'
  | 'ctl'
  | 'ses'
  | 'pip'
  | 'key'
  | 'kst'
  | 'grp'
  | 'sgr'
  | 'srv'
  | 'seg'
  | 'sgg'
  | 'usr'
  | 'ugr'
  | 'rul'
  | 'tok'
  | 'grt'
  | 'tkt'
  | 'req'
  | 'run'
  | 'tnt'
  | 'den'
  | 'out'
  | 'dgn'
  | 'trc'
  | 'sgn'
  | 'obj'

/**
 * A sortable id such as `ses_01k8…`: 48 bits of time in milliseconds, then 80 random bits, as in ULID.
 *
 * @param nowMs Unix time in milliseconds; tests pass a constant.
 */
export function newId(prefix: IdPrefix, nowMs: number = Date.now()): string {
  const time = numberText(nowMs, 10)
  if (poolAt === POOL_BYTES) {
    randomFillSync(pool)
    poolAt = 0
  }
  let random = ''
  for (const end = poolAt + RANDOM_CHARACTERS; poolAt < end; poolAt++) random += ALPHABET[pool[poolAt]! & 31]
  return `${prefix}_${time}${random}`
}

const RANDOM_CHARACTERS = 16
/** Random bytes for the next 256 ids: a session costs one, and one call for each would cost more than the rest of it. */
const POOL_BYTES = 256 * RANDOM_CHARACTERS
const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
let poolAt = POOL_BYTES

/** A whole number that is not negative, in `length` characters. */
export function numberText(number: number, length: number): string {
  let text = ''
  for (let rest = number, i = 0; i < length; i++, rest = Math.floor(rest / 32))
    text = ALPHABET[rest % 32] + text
  return text
}

/** What `numberText` has written. */
export function numberOf(text: string): number {
  let number = 0
  for (const character of text) number = number * 32 + ALPHABET.indexOf(character)
  return number
}

/** When it was made, in ms since the epoch. @param id One that `isId` takes. */
export function idTimeMs(id: string): number {
  return numberOf(id.slice(4, 14))
}

const ID = /^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$/

export function isId(text: string, prefix?: IdPrefix): boolean {
  return ID.test(text) && (prefix === undefined || text.startsWith(`${prefix}_`))
}

/**
 * Could a person, or a program, take this name for an id? No object may be called like that: what is found by id or
 * name is found by id first.
 */
export function looksLikeId(text: string): boolean {
  return /^[a-z]{3}_.{26}$/i.test(text)
}
