import type { Fault } from '../../src/base/faults.ts'
import type { ControlEnd } from '../../src/link/control/control-ends.ts'
import type { AgentMessage, ControlMessage } from '../../src/wire/control.ts'

/** Both ends of a control connection, without a network between: what control sends is heard at once, in order. */
export class ModelChannel {
  readonly #ended = Promise.withResolvers<Fault | undefined>()
  readonly #hear: (message: ControlMessage) => void
  #held: ControlMessage[] | undefined
  #open = true
  /** As control sees it. */
  readonly end: ControlEnd

  constructor(hear: (message: ControlMessage) => void) {
    this.#hear = hear
    const end = {
      onMessage: undefined,
      send: (message: ControlMessage) => this.#send(message),
      sendAll: (messages: Iterable<ControlMessage>) => {
        for (const message of messages) this.#send(message)
      },
      hold: () => {
        this.#held = []
      },
      release: (first: ControlMessage) => {
        const held = this.#held ?? []
        this.#held = undefined
        for (const message of [first, ...held]) this.#send(message)
      },
      closed: this.#ended.promise,
      close: (fault?: Fault) => this.#close(fault),
      isAlive: async () => this.#open,
      pause() {},
      resume() {},
    }
    this.end = end as unknown as ControlEnd
  }

  get isOpen(): boolean {
    return this.#open
  }

  say(message: AgentMessage): void {
    if (this.#open) this.end.onMessage?.(message)
  }

  goes(): void {
    this.#close(undefined)
  }

  #send(message: ControlMessage): boolean {
    if (!this.#open) return false
    if (message.type !== 'goodbye' && this.#held !== undefined) this.#held.push(message)
    else this.#hear(message)
    return true
  }

  #close(fault: Fault | undefined): void {
    this.#open = false
    this.#ended.resolve(fault)
  }
}
