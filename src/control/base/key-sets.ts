import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Authority } from '../../pki/authority.ts'
import type { ROTATION } from '../../pki/key-ring.ts'
import { signKeySet } from '../../pki/key-set.ts'
import type { Keyring, KeyringVault } from './keyring.ts'

const DAY_MS = 86_400_000
/** Twice as long as a key signs: the next set is there when half of it is over, and verifiers may be away for the rest. */
const LIFE_MS = 14 * DAY_MS
/** A time that is remembered from further ahead was a clock that was wrong: nobody has believed it. */
const AHEAD_MS = 15 * 60_000

export interface KeySetDeps {
  readonly tenant: string
  readonly authority: Pick<Authority, 'keySigner'>
  readonly vault: KeyringVault
  readonly clock: Clock
  readonly log: Log
}

/**
 * The keys of a ring as they are told: a set that is signed anew at each start, with each change of the ring, and when half
 * of its life is over. Sets are numbered by the time at which they were issued, so that a control plane that was restored
 * from a backup goes on behind its last one all the same; that time only grows, whatever becomes of the clock.
 */
export class KeySets {
  readonly ring: Keyring
  readonly #deps: KeySetDeps
  #current = ''
  #kids = ''
  #issuedMs = 0
  #renewMs = 0

  static async open(ring: Keyring, deps: KeySetDeps): Promise<KeySets> {
    const sets = new KeySets(ring, deps)
    const kept = await deps.vault.read(sets.#name)
    sets.#issuedMs = kept === undefined ? 0 : Number(kept.toString('utf8'))
    await sets.#sign()
    return sets
  }

  private constructor(ring: Keyring, deps: KeySetDeps) {
    this.ring = ring
    this.#deps = deps
  }

  get current(): string {
    return this.#current
  }

  /** Does what is due, of the ring, too. @returns whether `current` changed: tell it then. */
  async rotate(times?: typeof ROTATION): Promise<boolean> {
    await this.ring.rotate(times)
    const nowMs = this.#deps.clock.nowMs()
    // Of a clock that was ahead and is right now: nobody would believe the set until then.
    const isAhead = this.#issuedMs > nowMs + AHEAD_MS
    if (this.#kids === this.#kidsNow() && nowMs < this.#renewMs && !isAhead) return false
    await this.#sign()
    return true
  }

  async #sign(): Promise<void> {
    const { ring } = this
    const { tenant, authority, vault, clock, log } = this.#deps
    const nowMs = clock.nowMs()
    const isPast = this.#issuedMs <= nowMs + AHEAD_MS
    const issuedMs = isPast ? Math.max(nowMs, this.#issuedMs + 1) : nowMs
    const about = { tenant, purpose: ring.purpose, keys: ring.published }
    const { jws, expiresMs } = await signKeySet(authority, { ...about, issuedMs, lifeMs: LIFE_MS, nowMs })
    this.#current = jws
    this.#kids = this.#kidsNow()
    this.#issuedMs = issuedMs
    this.#renewMs = nowMs + (expiresMs - nowMs) / 2
    // What is not kept is made good by the clock: verifiers must not be without keys because a disk is full.
    await vault.write(this.#name, Buffer.from(String(issuedMs))).catch((error: unknown) => {
      log.warn(
        { event: 'keys.unkept', purpose: ring.purpose, err: error },
        'the time when keys were distributed could not be stored',
      )
    })
  }

  get #name(): string {
    return `keyset.${this.ring.purpose}`
  }

  #kidsNow(): string {
    return this.ring.published.map(({ kid }) => kid).join(' ')
  }
}
