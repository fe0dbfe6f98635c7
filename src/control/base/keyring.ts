import type { Clock } from '../../base/clock.ts'
import { type KeyRing, ROTATION, rotateKeys, signerOf } from '../../pki/key-ring.ts'
import {
  exportSigningKey,
  importSigningKey,
  type KeyPurpose,
  type PublicJwk,
  type SigningKey,
} from '../../pki/signing-keys.ts'

/** Where a ring is kept between runs: sealed bytes by name. */
export interface KeyringVault {
  read(name: string): Promise<Buffer | undefined>
  write(name: string, plain: Buffer): Promise<void>
}

/** The keys that sign one kind of token, kept sealed; pki/key-ring.ts says when each signs and verifies. */
export class Keyring {
  readonly purpose: KeyPurpose
  readonly #vault: KeyringVault
  readonly #clock: Clock
  #ring: KeyRing

  /** Reads the ring, or makes it with a first key that signs at once. */
  static async open(purpose: KeyPurpose, vault: KeyringVault, clock: Clock): Promise<Keyring> {
    const kept = await vault.read(`keyring.${purpose}`)
    if (kept === undefined) {
      const keyring = new Keyring(purpose, vault, clock, rotateKeys([], clock.nowMs()))
      await keyring.#save(keyring.#ring)
      return keyring
    }
    const rows = JSON.parse(kept.toString('utf8')) as { kid: string; pem: string; madeMs: number }[]
    const ring = rows.map(({ kid, pem, madeMs }) => ({ key: importSigningKey(kid, pem), madeMs }))
    return new Keyring(purpose, vault, clock, ring)
  }

  private constructor(purpose: KeyPurpose, vault: KeyringVault, clock: Clock, ring: KeyRing) {
    this.purpose = purpose
    this.#vault = vault
    this.#clock = clock
    this.#ring = ring
  }

  /** The key to sign with now. */
  get signing(): SigningKey {
    return signerOf(this.#ring, this.#clock.nowMs())
  }

  /** All keys that verify, newest first, as they are published. */
  get published(): PublicJwk[] {
    return this.#ring.map(({ key }) => key.publicJwk)
  }

  /** Does what is due: a new key, or the end of an old one. @returns whether `published` changed: publish it then. */
  async rotate(times = ROTATION): Promise<boolean> {
    const ring = rotateKeys(this.#ring, this.#clock.nowMs(), times)
    if (ring === this.#ring) return false
    await this.#save(ring) // first: a key that only this process knows would end with it
    this.#ring = ring
    return true
  }

  async #save(ring: KeyRing): Promise<void> {
    const rows = ring.map(({ key, madeMs }) => ({ kid: key.kid, pem: exportSigningKey(key), madeMs }))
    await this.#vault.write(`keyring.${this.purpose}`, Buffer.from(JSON.stringify(rows)))
  }
}
