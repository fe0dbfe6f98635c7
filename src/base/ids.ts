import { randomFillSync } from 'node:crypto'

/** Crockford base 32: no I, L, O, U, so that an id survives being read aloud. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** What an id names, by its prefix. */
export type IdPrefix =
  | 'con'
  | 'dev'
  | 'edg'
  | 'ses'
  | 'pip'
  | 'key'
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
  | 'obj'

/**
 * A sortable id such as `ses_01k8…`: 48 bits of time in milliseconds, then 80 random bits, as in ULID.
 *
 * @param nowMs Unix time in milliseconds; tests pass a constant.
 */
export function newId(prefix: IdPrefix, nowMs: number = Date.now()): string {
  let time = ''
  for (let rest = nowMs, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = ALPHABET[rest % 32] + time
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

const ID = /^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$/

export function isId(text: string, prefix?: IdPrefix): boolean {
  return ID.test(text) && (prefix === undefined || text.startsWith(`${prefix}_`))
}
