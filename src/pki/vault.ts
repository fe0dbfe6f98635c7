/**
 * Secrets at rest: the control plane's store holds nothing that opens without the master key.
 *
 *     v1.  base64url of: 12 nonce · ciphertext · 16 tag      AES-256-GCM, AAD = purpose
 *
 * The purpose names the place (`authority.root-key`), so that a sealed value moved to another place does not open.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Fault } from '../base/faults.ts'

export const MASTER_KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const PREFIX = 'v1.'
const CIPHER = 'aes-256-gcm'

export class Vault {
  readonly #key: Buffer

  /** @throws {Fault} MASTER_KEY if it is not 32 bytes. */
  constructor(masterKey: Buffer) {
    if (masterKey.length !== MASTER_KEY_BYTES) {
      throw new Fault('MASTER_KEY', `it has ${masterKey.length} bytes, not ${MASTER_KEY_BYTES}`)
    }
    this.#key = Buffer.from(masterKey)
  }

  /** Nonces are random: 2^32 seals under one key stay within the bound of NIST SP 800-38D, 8.3. */
  seal(purpose: string, plain: Buffer | string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(Buffer.from(purpose))
    const body = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    return PREFIX + body.toString('base64url')
  }

  /** @throws {Fault} MASTER_KEY if it was sealed with another key or for another purpose, or was changed since. */
  open(purpose: string, sealed: string): Buffer {
    const body = Buffer.from(sealed.startsWith(PREFIX) ? sealed.slice(PREFIX.length) : '', 'base64url')
    if (body.length < NONCE_BYTES + TAG_BYTES) {
      throw new Fault('MASTER_KEY', `the secret "${purpose}" is not in a form that this version reads`)
    }
    const decipher = createDecipheriv(CIPHER, this.#key, body.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(Buffer.from(purpose)).setAuthTag(body.subarray(-TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
    } catch (cause) {
      throw new Fault('MASTER_KEY', `this master key does not open the secret "${purpose}"`, { cause })
    }
  }
}
