/**
 * An identity sealed to its machine: any three of four factors open it.
 *
 * The secret is encrypted with a random key; the key is split so that three shares restore it; each share is encrypted
 * with a key derived from one factor. A copied state directory does not open elsewhere, while a new disk or network
 * card does not lock the machine out. It binds to a machine; it does not hide from whoever can read the machine's
 * factors: they are no passwords.
 *
 *     { v: 1, salt, body, shares: { FACTOR: { hash, box } } }     boxes: base64url of 12 nonce · ciphertext · 16 tag
 *
 * @module
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { combine, split } from 'shamir-secret-sharing'
import { z } from 'zod'
import { Fault } from '../base/faults.ts'

export const FACTOR_NAMES = ['machineId', 'mac', 'productUuid', 'rootDisk'] as const
export type FactorName = (typeof FACTOR_NAMES)[number]
export type Factors = Partial<Record<FactorName, string>>

/** A factor that is not what it was when the secret was sealed; hashes are short, for people; `none` is absent. */
export interface Drift {
  readonly factor: string
  readonly oldHash: string
  readonly newHash: string
}

const THRESHOLD = 3
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
const CIPHER = 'aes-256-gcm'
const ABSENT = 'none'

const share = z.strictObject({ hash: z.string().regex(/^[0-9a-f]{8}$/), box: z.base64url().max(256) })
const sealedForm = z.strictObject({
  v: z.literal(1),
  salt: z.base64url().max(64),
  body: z.base64url().max(1_000_000),
  shares: z.partialRecord(z.enum(FACTOR_NAMES), share),
})

/** @throws {RangeError} with fewer than three factors: the caller keeps the secret unsealed, mode 0600, and says so. */
export async function seal(secret: Buffer, factors: Factors): Promise<string> {
  const present = FACTOR_NAMES.filter((name) => factors[name])
  if (present.length < THRESHOLD) {
    throw new RangeError(`Cannot seal as at least ${THRESHOLD} factors are needed: got ${present.length}`)
  }
  const salt = randomBytes(16)
  const key = randomBytes(KEY_BYTES)
  const shares = await split(plainBytes(key), present.length, THRESHOLD)
  const sealed: z.infer<typeof sealedForm> = {
    v: 1,
    salt: salt.toString('base64url'),
    body: encrypt(key, 'body', secret),
    shares: {},
  }
  for (const [i, name] of present.entries()) {
    const { hash, key: factorKey } = derive(name, factors[name]!, salt)
    sealed.shares[name] = { hash, box: encrypt(factorKey, name, Buffer.from(shares[i]!)) }
  }
  return JSON.stringify(sealed)
}

/**
 * @returns `drifted` names what changed and did not matter: log it, and seal again with the factors of today, or the
 * next change will be one too many.
 * @throws {Fault} SEAL_BROKEN if fewer than three factors still match, naming each change old→new; or the file is damaged.
 */
export async function unseal(
  sealed: string,
  factors: Factors,
): Promise<{ secret: Buffer; drifted: Drift[] }> {
  const { salt, body, shares } = read(sealed)
  const opened: Uint8Array[] = []
  const drifted: Drift[] = []
  for (const name of FACTOR_NAMES) {
    const kept = shares[name]
    const now = factors[name] ? derive(name, factors[name], salt) : undefined
    const plain = kept && now && decrypt(now.key, name, kept.box)
    if (plain) opened.push(plainBytes(plain))
    else if (kept || now) {
      drifted.push({ factor: name, oldHash: kept?.hash ?? ABSENT, newHash: now?.hash ?? ABSENT })
    }
  }
  if (opened.length < THRESHOLD) throw broken(opened.length, drifted)
  const secret = decrypt(Buffer.from(await combine(opened)), 'body', body)
  if (secret === undefined) throw damaged()
  return { secret, drifted }
}

/** The sharing library takes Uint8Array itself and no subclass of it, such as Buffer. */
function plainBytes(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes)
}

function read(sealed: string): { salt: Buffer; body: string; shares: z.infer<typeof sealedForm>['shares'] } {
  try {
    const form = sealedForm.parse(JSON.parse(sealed))
    return { ...form, salt: Buffer.from(form.salt, 'base64url') }
  } catch (cause) {
    throw damaged(cause)
  }
}

function broken(matching: number, drifted: readonly Drift[]): Fault {
  const changes = drifted.map(({ factor, oldHash, newHash }) => `${factor} ${oldHash}→${newHash}`)
  return new Fault(
    'SEAL_BROKEN',
    `${matching} factors match, ${THRESHOLD} are needed; ${changes.join(', ')}`,
    {
      seen: { matching, changed: changes },
    },
  )
}

function damaged(cause?: unknown): Fault {
  return new Fault('SEAL_BROKEN', 'the sealed identity is damaged or not of this version', { cause })
}

/** One derivation gives both, so that the short hash in the file says nothing about the key. */
function derive(name: FactorName, factor: string, salt: Buffer): { key: Buffer; hash: string } {
  const bytes = Buffer.from(hkdfSync('sha256', factor, salt, `backstitch seal ${name}`, KEY_BYTES + 4))
  return { key: bytes.subarray(0, KEY_BYTES), hash: bytes.toString('hex', KEY_BYTES) }
}

function encrypt(key: Buffer, label: string, plain: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(label))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString(
    'base64url',
  )
}

/** Nothing if the key is not the one: for a share, that is how a changed factor shows. */
function decrypt(key: Buffer, label: string, box: string): Buffer | undefined {
  const bytes = Buffer.from(box, 'base64url')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(label)).setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
  } catch {
    return undefined
  }
}
