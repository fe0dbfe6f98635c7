import type { Clock } from '../base/clock.ts'
import {
  exportSigningKey,
  importSigningKey,
  newSigningKey,
  type SigningKey,
  type VerifyKeys,
  verifyKeys,
} from '../pki/signing-keys.ts'

/** Where a ring is kept between runs: sealed bytes by name. */
export interface KeyringVault {
  read(name: string): Promise<Buffer | undefined>
  write(name: string, plain: Buffer): Promise<void>
}

interface Entry {
  readonly key: SigningKey
  /** Signs from then on: everyone who verifies has had it for a while by then. */
  readonly activeFromMs: number
}

/** How long a new key is published before it signs. */
const PUBLISH_AHEAD_MS = 60_000
/** How long a key replaced goes on verifying: longer than anything it signed lives. */
const OVERLAP_MS = 3_600_000
const ROTATE_EVERY_MS = 30 * 86_400_000

/**
 * The keys that sign one kind of token, with rotation.
 *
 *     published --60 s--> signing --next key signs--> verifying --1 h--> gone
 *
 * Nothing signed is ever refused because of a rotation, and a key that leaked can be rotated out in an hour.
 */
export class Keyring {
  readonly #name: string
  readonly #vault: KeyringVault
  readonly #clock: Clock
  #entries: Entry[]
  #verify: VerifyKeys

  /** Reads the ring, or makes it with a first key that signs at once. */
  static async open(name: string, vault: KeyringVault, clock: Clock): Promise<Keyring> {
    const kept = await vault.read(`keyring.${name}`)
    if (kept) {
      const rows = JSON.parse(kept.toString('utf8')) as { kid: string; pem: string; activeFromMs: number }[]
      const entries = rows.map((row) => ({
        key: importSigningKey(row.kid, row.pem),
        activeFromMs: row.activeFromMs,
      }))
      return new Keyring(name, vault, clock, entries)
    }
    const ring = new Keyring(name, vault, clock, [
      { key: newSigningKey(clock.nowMs()), activeFromMs: clock.nowMs() },
    ])
    await ring.#save()
    return ring
  }

  private constructor(name: string, vault: KeyringVault, clock: Clock, entries: Entry[]) {
    this.#name = name
    this.#vault = vault
    this.#clock = clock
    this.#entries = entries
    this.#verify = verifyKeys(entries.map((entry) => entry.key.publicJwk))
  }

  /** The key to sign with now: the newest that is active. */
  get signing(): SigningKey {
    const now = this.#clock.nowMs()
    const active = this.#entries.filter((entry) => entry.activeFromMs <= now)
    return (active.at(-1) ?? this.#entries[0]!).key
  }

  /** All keys that verify, newest first, as they are published. */
  get published(): SigningKey['publicJwk'][] {
    return this.#entries.map((entry) => entry.key.publicJwk).reverse()
  }

  get verifying(): VerifyKeys {
    return this.#verify
  }

  /** True when the newest key has signed for longer than it should. */
  get isDue(): boolean {
    return this.#clock.nowMs() - this.#entries.at(-1)!.activeFromMs > ROTATE_EVERY_MS
  }

  /** Adds a key that signs in a minute and drops those out of overlap. Publish `published` right after. */
  async rotate(): Promise<void> {
    const now = this.#clock.nowMs()
    const next: Entry = { key: newSigningKey(now), activeFromMs: now + PUBLISH_AHEAD_MS }
    const kept = this.#entries.filter((_, i) => {
      const replacedMs = this.#entries[i + 1]?.activeFromMs
      return replacedMs === undefined || replacedMs + OVERLAP_MS > now
    })
    this.#entries = [...kept, next]
    this.#verify = verifyKeys(this.published)
    await this.#save()
  }

  async #save(): Promise<void> {
    const rows = this.#entries.map(({ key, activeFromMs }) => ({
      kid: key.kid,
      pem: exportSigningKey(key),
      activeFromMs,
    }))
    await this.#vault.write(`keyring.${this.#name}`, Buffer.from(JSON.stringify(rows)))
  }
}
