import { type Fault, faultRow } from './faults.ts'
import type { Log } from './log.ts'

export interface ConditionEvents {
  /** Event of the line when it begins; event and text of the one when it ends. */
  readonly begins: string
  readonly ends: string
  readonly over: string
  readonly level?: 'warn' | 'error'
  /** How the first line begins, before the words of the fault. */
  readonly intro?: string
  /** In both lines: what has this condition. */
  readonly about?: Readonly<Record<string, unknown>>
  /** What of a fault is logged again where it differs; its code by default. */
  readonly identity?: (fault: Fault) => string
  /** It became visible, changed, or is over. */
  readonly onChange?: (fault: Fault | undefined) => void
}

/**
 * Something that is wrong for a while: one line when it begins, one when it ends, and the fault for whoever asks
 * meanwhile. What has not lasted as long as the fault table asks of its code (`visibleAfterMs`) is a hiccup: it is
 * neither logged nor shown.
 */
export class Condition implements Disposable {
  readonly #log: Log
  readonly #events: ConditionEvents
  #found: Fault | undefined
  #shown: Fault | undefined
  #waiting: NodeJS.Timeout | undefined

  constructor(log: Log, events: ConditionEvents) {
    this.#log = log
    this.#events = events
  }

  /** While it is visible. */
  get fault(): Fault | undefined {
    return this.#shown
  }

  /** What is wrong now; nothing: all is well. Another one is logged again, other evidence of the same is only shown. */
  set(found: Fault | undefined): void {
    const before = this.#found
    this.#found = found
    if (found === undefined) this.#end()
    else if (this.#shown !== undefined) this.#show(found)
    else if (before === undefined) this.#begin(found)
  }

  #begin(found: Fault): void {
    const waitMs = faultRow(found.code).visibleAfterMs ?? 0
    if (waitMs === 0) this.#show(found)
    else this.#waiting = setTimeout(() => this.#show(this.#found!), waitMs).unref()
  }

  #show(fault: Fault): void {
    const before = this.#shown
    this.#shown = fault
    const { begins, level = 'warn', intro = '', about, identity = codeOf, onChange } = this.#events
    if (before === undefined || identity(before) !== identity(fault)) {
      const { code, hop, seen, message } = fault
      this.#log[level]({ event: begins, ...about, code, hop, seen }, `${intro}${message}`)
    }
    if (before?.code !== fault.code || before.detail !== fault.detail) onChange?.(fault)
  }

  #end(): void {
    clearTimeout(this.#waiting)
    const before = this.#shown
    this.#shown = undefined
    if (before === undefined) return
    const { ends, over, about, onChange } = this.#events
    this.#log.info({ event: ends, ...about, was: before.code }, over)
    onChange?.(undefined)
  }

  /** Says nothing more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#waiting)
  }
}

const codeOf = ({ code }: Fault): string => code
