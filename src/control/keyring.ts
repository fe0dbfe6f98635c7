import type { Clock } from '../base/clock.ts'
import { type KeyRing, ROTATION, rotateKeys, signerOf, verifyKeysOf } from '../pki/key-ring.ts'
import { exportSigningKey, importSigningKey, type SigningKey, type VerifyKeys } from '../pki/signing-keys.ts'

/** Where a ring is kept between runs: sealed bytes by name. */
export interface KeyringVault {
  read(name: string): Promise<Buffer | undefined>
  write(name: string, plain: Buffer): Promise<void>
}

/** The keys that sign one kind of token, kept sealed; pki/key-ring.ts says when each signs and verifies. */
export class Keyring {
  readonly #name: string
  readonly #vault: KeyringVault
  readonly #clock: Clock
  #ring: KeyRing
  #verifying: VerifyKeys

  /** Reads the ring, or makes it with a first key that signs at once. */
  static async open(name: string, vault: KeyringVault, clock: Clock): Promise<Keyring> {
    const kept = await vault.read(`keyring.${name}`)
    if (kept === undefined) {
      const keyring = new Keyring(name, vault, clock, rotateKeys([], clock.nowMs()))
      await keyring.#save()
      return keyring
    }
    const rows = JSON.parse(kept.toString('utf8')) as { kid: string; pem: string; madeMs: number }[]
    const ring = rows.map(({ kid, pem, madeMs }) => ({ key: importSigningKey(kid, pem), madeMs }))
    return new Keyring(name, vault, clock, ring)
  }

  private constructor(name: string, vault: KeyringVault, clock: Clock, ring: KeyRing) {
    this.#name = name
    this.#vault = vault
    this.#clock = clock
    this.#ring = ring
    this.#verifying = verifyKeysOf(ring)
  }

  /** The key to sign with now. */
  get signing(): SigningKey {
    return signerOf(this.#ring, this.#clock.nowMs())
  }

  /** All keys that verify, newest first, as they are published. */
  get published(): SigningKey['publicJwk'][] {
    return this.#ring.map(({ key }) => key.publicJwk)
  }

  get verifying(): VerifyKeys {
    return this.#verifying
  }

  /** Does what is due: a new key, or the end of an old one. @returns whether `published` changed: publish it then. */
  async rotate(times = ROTATION): Promise<boolean> {
    const ring = rotateKeys(this.#ring, this.#clock.nowMs(), times)
    if (ring === this.#ring) return false
    this.#ring = ring
    this.#verifying = verifyKeysOf(ring)
    await this.#save()
    return true
  }

  async #save(): Promise<void> {
    const rows = this.#ring.map(({ key, madeMs }) => ({ kid: key.kid, pem: exportSigningKey(key), madeMs }))
    await this.#vault.write(`keyring.${this.#name}`, Buffer.from(JSON.stringify(rows)))
  }
}
