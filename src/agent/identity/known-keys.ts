import { z } from 'zod'
import { asFault, Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { StateDir } from '../../base/state-dir.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import { verifyKeySet } from '../../pki/key-set.ts'
import { type KeyPurpose, type VerifyKeys, verifyKeys } from '../../pki/signing-keys.ts'

const FILE = 'key-set.json'

/** When the newest set was issued, by tenant: a directory may be used for another one later. */
const kept = z.strictObject({ tenant: z.string(), issuedMs: z.number() })

/** A set as it came, and whom it must be from. */
export interface SignedKeySet extends Pick<Credentials, 'identity' | 'rootPem'> {
  readonly jws: string
}

export interface KnownKeysOptions {
  readonly purpose: KeyPurpose
  readonly log: Log
}

/**
 * The keys that a connector verifies grants with, or an edge tickets: those of the newest set that was signed for that.
 * It never steps back to an older one, also not in another run, and a set that has ended verifies nothing.
 */
export class KnownKeys {
  readonly #o: KnownKeysOptions
  readonly #none: VerifyKeys
  #set: { readonly keys: VerifyKeys; readonly issuedMs: number; readonly expiresMs: number } | undefined
  #tenant = ''
  #newestMs = 0
  #state: StateDir | undefined
  #signed: SignedKeySet | undefined
  /** Another set counts. */
  onTaken: ((signed: SignedKeySet) => void) | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(options: KnownKeysOptions) {
    this.#o = options
    this.#none = verifyKeys(options.purpose, [])
  }

  /** Remembers there from here on which set was the newest, and reads what a former run did. What cannot be read is not known. */
  async keepIn(state: StateDir): Promise<void> {
    const { log } = this.#o
    this.#state = state
    try {
      const text = await state.read(FILE)
      if (text === undefined) return
      const { tenant, issuedMs } = kept.parse(JSON.parse(text))
      this.#tenant = tenant
      this.#newestMs = issuedMs
    } catch (error) {
      log.warn(
        { event: 'keys.forgotten', err: error },
        `${FILE} cannot be read: the keys received last are unknown`,
      )
    }
  }

  /** The set that counts, for other processes of this agent. */
  get signed(): SignedKeySet | undefined {
    return this.#signed
  }

  /** Those that count now. */
  get keys(): VerifyKeys {
    return this.#set !== undefined && Date.now() < this.#set.expiresMs ? this.#set.keys : this.#none
  }

  /**
   * Takes a set as it came, in place of the one before.
   *
   * @throws {Fault} as verifyKeySet, and the keys stay as they were.
   */
  async take(
    jws: string | undefined,
    { identity, rootPem }: Pick<Credentials, 'identity' | 'rootPem'>,
  ): Promise<void> {
    const { tenant } = identity
    const { purpose } = this.#o
    if (jws === undefined) {
      throw new Fault('PEER_REFUSED', `no verification keys for ${purpose}s were received`, {
        hop: 'control',
      })
    }
    if (tenant !== this.#tenant) [this.#tenant, this.#newestMs, this.#set] = [tenant, 0, undefined]
    const nowMs = Date.now()
    const read = () => verifyKeySet(jws, { tenant, rootPem, purpose, newestMs: this.#newestMs, nowMs })
    let set = await read()
    // Another one may have been taken while this one was verified.
    if (set.issuedMs < this.#newestMs) set = await read()
    this.#set = set
    this.#signed = { jws, identity, rootPem }
    this.onTaken?.(this.#signed)
    if (set.issuedMs === this.#newestMs) return
    this.#newestMs = set.issuedMs
    this.#remember(`${JSON.stringify({ tenant, issuedMs: set.issuedMs })}\n`)
  }

  /** The same of what came in a message. @param onRefused Whoever sent it is to be asked anew who it is. */
  async change(
    jws: string,
    credentials: Pick<Credentials, 'identity' | 'rootPem'>,
    onRefused: () => void,
  ): Promise<void> {
    try {
      await this.take(jws, credentials)
    } catch (error) {
      const { code, hop, seen, message } = asFault(error)
      this.#o.log.error({ event: 'keys.refused', code, hop, seen }, message)
      onRefused()
    }
  }

  /** In the background: a disk that is full keeps nobody out. */
  #remember(text: string): void {
    const unkept = (error: unknown) =>
      this.#o.log.warn(
        { event: 'keys.unkept', err: error },
        `${FILE} cannot be written: the next run would not know the keys received last`,
      )
    this.#writing = this.#writing.then(() => this.#state?.write(FILE, text)).catch(unkept)
  }
}
