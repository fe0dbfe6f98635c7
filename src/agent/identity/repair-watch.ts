import { existsSync } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import type { Fault, FaultCode } from '../../base/faults.ts'
import type { Egress } from '../../link/dial/egress.ts'
import type { Companion } from '../link/companion.ts'
import { ENDING_FAULTS } from '../link/ending-faults.ts'
import { keyAfterDeletion } from './key-file.ts'

/** How often to look, while something stands in the way of control. */
const LOOK_MS = 1000

export interface RepairWatchOptions {
  /** The setting that is in use. */
  readonly egress: Egress
  readonly readEgress: () => Promise<Egress>
  readonly keyFile: string
  /** What a provisioning key puts right that lies there, whoever put it there and when. */
  readonly curedByKey: ReadonlySet<FaultCode>
  /** That of the control plane, as far as it is known. */
  readonly clock: Pick<Clock, 'nowMs'>
}

/** As the same agent, with another certificate for its key; or as another one, since it was deleted. */
export type ComesBack = 'as-before' | 'anew'

/**
 * While control is out of reach, looks whether somebody has repaired it on this machine: another proxy setting, or a
 * provisioning key for an identity whose certificate has expired, or that was deleted. `repaired` aborts when there is
 * something to try.
 */
export class RepairWatch implements Companion {
  readonly #o: RepairWatchOptions
  readonly #repaired = new AbortController()
  #isUp = false
  /** Why it is not up; nothing before the first attempt has failed. */
  #fault: Fault | undefined
  #comesBack: ComesBack | undefined

  constructor(o: RepairWatchOptions) {
    this.#o = o
  }

  get repaired(): AbortSignal {
    return this.#repaired.signal
  }

  /** Set where there is a key to come back with. */
  get comesBack(): ComesBack | undefined {
    return this.#comesBack
  }

  start(): Disposable {
    const timer = setInterval(() => void this.#look(), LOOK_MS)
    return { [Symbol.dispose]: () => clearInterval(timer) }
  }

  up(): void {
    this.#isUp = true
    this.#fault = undefined
  }

  down(fault: Fault, redialling: boolean): void {
    this.#isUp = false
    if (redialling) return
    this.#fault = fault
    // Before it ends the agent. Everything else waits for the next look: what a key does not help is asked for once a second.
    if (ENDING_FAULTS.has(fault.code) && this.#keyCures(fault)) this.#repair('as-before')
  }

  async #look(): Promise<void> {
    if (this.#isUp || this.repaired.aborted) return
    const fault = this.#fault
    const { egress, readEgress, keyFile, clock } = this.#o
    const cured = fault !== undefined && this.#keyCures(fault)
    const skewMs = clock.nowMs() - Date.now()
    const later = fault !== undefined && !cured && (await keyAfterDeletion(fault, keyFile, skewMs))
    const now = await readEgress().catch(() => egress) // malformed: not yet the repair
    if (this.#isUp) return // it came up meanwhile
    if (cured || later) this.#repair(cured ? 'as-before' : 'anew')
    else if (JSON.stringify(now) !== JSON.stringify(egress)) this.#repair()
  }

  #keyCures({ code }: Fault): boolean {
    return this.#o.curedByKey.has(code) && existsSync(this.#o.keyFile)
  }

  #repair(comesBack?: ComesBack): void {
    this.#comesBack = comesBack
    this.#repaired.abort()
  }
}
