/**
 * Secrets in the state directory: sealed to this machine where three of its factors can be had, else in a plain
 * file with mode 0600, and then the status says so.
 *
 * @module
 */
import { z } from 'zod'
import { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { StateDir } from '../../base/state-dir.ts'
import { type Drift, seal, unseal } from '../../pki/seal.ts'
import type { MachineFacts } from '../../probe/machine.ts'

const FACTORS_NEEDED = 3
/** How a seal names a factor that is not there. */
const ABSENT = 'none'

const envelope = z.strictObject({
  format: z.literal(1),
  /** For messages when the rest cannot be opened. */
  about: z.string().max(256),
  sealed: z.string().optional(),
  plain: z.string().optional(),
})

export interface Protection {
  readonly sealed: boolean
  readonly factors: readonly string[]
  /** For the status: how the identity is protected, and why not better. */
  readonly note: string
}

interface Peeked {
  readonly secret: string
  readonly sealed: boolean
  readonly about: string
  readonly drifted: readonly Drift[]
}

export class SealedState {
  readonly #state: StateDir
  readonly #machine: MachineFacts
  readonly #log: Log
  #drift: Fault | undefined

  constructor(state: StateDir, machine: MachineFacts, log: Log) {
    this.#state = state
    this.#machine = machine
    this.#log = log
  }

  /** SEAL_DRIFTED if the machine was not quite the one of the last start. A note: the identity opens all the same. */
  get drift(): Fault | undefined {
    return this.#drift
  }

  get protection(): Protection {
    const factors = Object.keys(this.#machine.factors)
    if (factors.length >= FACTORS_NEEDED) {
      return { sealed: true, factors, note: `sealed to this machine by ${factors.join(', ')}` }
    }
    const missing = Object.entries(this.#machine.missing).map(([name, why]) => `${name}: ${why}`)
    const note = `not sealed, file mode 0600 only: ${factors.length} of ${FACTORS_NEEDED} factors (${missing.join('; ')})`
    return { sealed: false, factors, note }
  }

  /** @param about What the file is, in plain text: who it belongs to. */
  async save(name: string, about: string, secret: string): Promise<void> {
    const content: z.infer<typeof envelope> = this.protection.sealed
      ? { format: 1, about, sealed: await seal(Buffer.from(secret), this.#machine.factors) }
      : { format: 1, about, plain: secret }
    await this.#state.write(name, `${JSON.stringify(content)}\n`)
  }

  /**
   * The secret of a file, or `undefined` if there is none. A change of one factor is logged and healed.
   *
   * @throws {Fault} SEAL_BROKEN naming the factors that changed; INVALID if the file was damaged.
   */
  async load(name: string): Promise<string | undefined> {
    const found = await this.peek(name)
    if (found === undefined) return undefined
    const { secret, sealed, about, drifted } = found
    if (!sealed) {
      if (this.protection.sealed) await this.save(name, about, secret)
      return secret
    }
    for (const { factor, oldHash, newHash } of drifted) {
      this.#log.warn(
        { event: 'seal.drifted', code: 'SEAL_DRIFTED', factor, old: oldHash, new: newHash },
        `Machine factor ${factor} changed (${oldHash} → ${newHash}); the identity is unsealed with the others`,
      )
    }
    if (drifted.length > 0) this.#drift = driftFault(drifted)
    // A factor that is merely not there now will be back; one with another value will not.
    if (drifted.some(({ newHash }) => newHash !== ABSENT)) {
      await this.save(name, about, secret)
      this.#log.info({ event: 'seal.healed', file: name }, 'Identity resealed to the current machine factors')
    }
    return secret
  }

  /** As `load`, and changes nothing: for whoever only looks. */
  async peek(name: string): Promise<Peeked | undefined> {
    const text = await this.#state.read(name)
    if (text === undefined) return undefined
    const { about, plain, sealed } = this.#parse(name, text)
    if (sealed === undefined) return { secret: plain!, sealed: false, about, drifted: [] }
    const { secret, drifted } = await this.#unseal(name, about, sealed)
    return { secret: secret.toString(), sealed: true, about, drifted }
  }

  async remove(name: string): Promise<void> {
    await this.#state.remove(name)
  }

  #parse(name: string, text: string): z.infer<typeof envelope> {
    try {
      const content = envelope.parse(JSON.parse(text))
      if ((content.sealed === undefined) === (content.plain === undefined)) throw new Error('no content')
      return content
    } catch (error) {
      throw new Fault('INVALID', `${this.#state.file(name)} is damaged: remove it and enrol again`, {
        cause: error,
        hop: 'connector',
        seen: { file: this.#state.file(name) },
      })
    }
  }

  async #unseal(name: string, about: string, sealed: string) {
    try {
      return await unseal(sealed, this.#machine.factors)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      const detail = `identity of ${about} in ${this.#state.path}: ${error.detail}`
      const seen = { ...error.seen, stateDir: this.#state.path, file: this.#state.file(name) }
      throw new Fault(error.code, detail, { cause: error, hop: error.hop, seen })
    }
  }
}

function driftFault(drifted: readonly Drift[]): Fault {
  const changed = drifted.map(({ factor, oldHash, newHash }) => `${factor} ${oldHash}→${newHash}`)
  return new Fault('SEAL_DRIFTED', changed.join(', '), { seen: { changed } })
}
