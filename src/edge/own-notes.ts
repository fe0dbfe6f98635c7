/**
 * What an edge serves in spite of, by its own account: that it turns connections away for want of descriptors, that it
 * stood still, that workers end. Control is told when it begins and when it is over.
 *
 * @module
 */
import { lackFault, lackOfDescriptors } from '../base/descriptor-watch.ts'
import type { Fault } from '../base/faults.ts'
import { type Note, note } from '../wire/notes.ts'

const LOOK_MS = 2000

export interface OwnNotesOptions {
  /** FD_EXHAUSTED while the edge itself turns connections away; STOOD_STILL, WORKER_ENDED. */
  readonly known: () => readonly (Fault | undefined)[]
  readonly changed: () => void
}

export class OwnNotes implements Disposable {
  readonly #o: OwnNotesOptions
  readonly #timer: NodeJS.Timeout
  #lack: Fault | undefined
  #told = ''

  constructor(options: OwnNotesOptions) {
    this.#o = options
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref()
  }

  /** Each code once. */
  get now(): Fault[] {
    const all = [...this.#o.known(), this.#lack].filter((one) => one !== undefined)
    return all.filter(({ code }, at) => all.findIndex((other) => other.code === code) === at)
  }

  /** As the control plane takes them; nothing where there is none. */
  get told(): Note[] | undefined {
    const notes = this.now.flatMap(({ code, hop, detail }) => {
      const parsed = note.safeParse({ code, hop, detail })
      return parsed.success ? [parsed.data] : []
    })
    return notes.length === 0 ? undefined : notes
  }

  /** The kernel closes connections before anybody here hears of them: only to open something shows it. */
  async #look(): Promise<void> {
    const errno = await lackOfDescriptors()
    this.#lack = errno === undefined ? undefined : lackFault(errno, 'edge')
    const codes = this.now.map(({ code }) => code).join()
    if (codes === this.#told) return
    this.#told = codes
    this.#o.changed()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
