/**
 * Password hashes: argon2id in the usual text form, `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
 * Cost as OWASP's Password Storage Cheat Sheet recommends: 19 MiB, two passes, one lane.
 *
 * @module
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { FairQueue } from '../../base/fair-queue.ts'

const MEMORY_KIB = 19_456
const PASSES = 2
const LANES = 1
const SALT_BYTES = 16
const HASH_BYTES = 32

const derive = promisify(argon2)

/** Passwords that are set come one after the other: they have time, and the threads of the pool sign grants, too. */
const SETTING = new FairQueue({ atOnce: 1, maxWaitMs: Number.POSITIVE_INFINITY })

export function hashPassword(password: string): Promise<string> {
  return SETTING.run('', () => hash(password))
}

async function hash(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const cost = { memory: MEMORY_KIB, passes: PASSES, lanes: LANES }
  const bytes = await argon2id(password, salt, cost, HASH_BYTES)
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${base64(salt)}$${base64(bytes)}`
}

const FORM =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,172})$/

/** @returns Whether the password is the one; false too when the text is not a hash of the form above. */
export async function checkPassword(password: string, text: string): Promise<boolean> {
  const match = FORM.exec(text)
  if (match === null) return false
  const [, memory, passes, lanes, salt, hash] = match
  const wanted = Buffer.from(hash!, 'base64')
  const cost = { memory: Number(memory), passes: Number(passes), lanes: Number(lanes) }
  if (cost.memory > 4 * MEMORY_KIB || cost.passes > 8) return false // Nobody's text may cost us seconds.
  const got = await argon2id(password, Buffer.from(salt!, 'base64'), cost, wanted.length)
  return timingSafeEqual(got, wanted)
}

function argon2id(
  password: string,
  salt: Buffer,
  cost: { memory: number; passes: number; lanes: number },
  bytes: number,
): Promise<Buffer> {
  return derive('argon2id', {
    message: password.normalize('NFC'),
    nonce: salt,
    memory: cost.memory,
    passes: cost.passes,
    parallelism: cost.lanes,
    tagLength: bytes,
  })
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}
