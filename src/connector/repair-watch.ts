import type { Egress } from '../link/egress.ts'
import { STAGE_NUMBERS } from './bring-up.ts'
import { fileStamp } from './file-stamp.ts'
import type { Progress } from './progress.ts'

/** How often to look, while something stands in the way of control. */
const LOOK_MS = 1000

export interface RepairWatchOptions {
  readonly progress: Progress
  /** The setting that is in use. */
  readonly egress: Egress
  readonly readEgress: () => Promise<Egress>
  readonly keyFile: string
}

/**
 * While control is out of reach, looks whether somebody has repaired it on this machine: another proxy setting, or a
 * provisioning key for an identity whose certificate has ended. `repaired` aborts when there is something to try.
 */
export class RepairWatch implements Disposable {
  readonly #o: RepairWatchOptions
  readonly #repaired = new AbortController()
  readonly #timer: NodeJS.Timeout
  #keyForEnded = false

  constructor(o: RepairWatchOptions) {
    this.#o = o
    this.#timer = setInterval(() => void this.#look(), LOOK_MS)
  }

  get repaired(): AbortSignal {
    return this.#repaired.signal
  }

  /** The certificate has ended, and there is a key to come back with. */
  get keyForEnded(): boolean {
    return this.#keyForEnded
  }

  async #look(): Promise<void> {
    const { progress, egress, readEgress, keyFile } = this.#o
    const { stages } = progress
    if (stages[5].is === 'passed') return
    const failed = STAGE_NUMBERS.map((stage) => stages[stage]).find((stage) => stage.is === 'failed')
    this.#keyForEnded = failed?.fault.code === 'CERT_EXPIRED' && (await fileStamp(keyFile)) !== 'none'
    const now = await readEgress().catch(() => egress) // malformed: not yet the repair
    const sameWay = JSON.stringify(now) === JSON.stringify(egress)
    if (this.#keyForEnded || !sameWay) this.#repaired.abort()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
