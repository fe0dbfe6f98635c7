import { keyAfterDeletion } from '../../agent/identity/key-file.ts'
import type { Clock } from '../../base/clock.ts'
import type { Fault } from '../../base/faults.ts'
import type { Egress } from '../../link/dial/egress.ts'
import { STAGE_NUMBERS } from '../bring-up/bring-up.ts'
import type { Progress } from '../bring-up/progress.ts'
import { fileStamp } from './file-stamp.ts'

/** How often to look, while something stands in the way of control. */
const LOOK_MS = 1000

export interface RepairWatchOptions {
  readonly progress: Progress
  /** The setting that is in use. */
  readonly egress: Egress
  readonly readEgress: () => Promise<Egress>
  readonly keyFile: string
  /** That of the control plane, as far as it is known. */
  readonly clock: Pick<Clock, 'nowMs'>
}

/** As the same connector, with another certificate for its key; or as another one, since it was deleted. */
export type ComesBack = 'as-before' | 'anew'

/**
 * While control is out of reach, looks whether somebody has repaired it on this machine: another proxy setting, or a
 * provisioning key for an identity whose certificate has ended, or that was deleted. `repaired` aborts when there is
 * something to try.
 */
export class RepairWatch implements Disposable {
  readonly #o: RepairWatchOptions
  readonly #repaired = new AbortController()
  readonly #timer: NodeJS.Timeout
  #comesBack: ComesBack | undefined

  constructor(o: RepairWatchOptions) {
    this.#o = o
    this.#timer = setInterval(() => void this.#look(), LOOK_MS)
  }

  get repaired(): AbortSignal {
    return this.#repaired.signal
  }

  /** Set where there is a key to come back with. */
  get comesBack(): ComesBack | undefined {
    return this.#comesBack
  }

  async #look(): Promise<void> {
    const { progress, egress, readEgress } = this.#o
    const { stages } = progress
    if (stages[5].is === 'passed') return
    const failed = STAGE_NUMBERS.map((stage) => stages[stage]).find((stage) => stage.is === 'failed')
    this.#comesBack = failed && (await this.#keyFor(failed.fault))
    const now = await readEgress().catch(() => egress) // malformed: not yet the repair
    const sameWay = JSON.stringify(now) === JSON.stringify(egress)
    if (this.#comesBack !== undefined || !sameWay) this.#repaired.abort()
  }

  async #keyFor(fault: Fault): Promise<ComesBack | undefined> {
    const { keyFile, clock } = this.#o
    if (fault.code === 'CERT_EXPIRED') return (await fileStamp(keyFile)) === 'none' ? undefined : 'as-before'
    return (await keyAfterDeletion(fault, keyFile, clock.nowMs() - Date.now())) ? 'anew' : undefined
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
