export interface InTurnOptions<Message> {
  /** As many at once; the others wait. */
  readonly atOnce: number
  /** Never rejects. */
  readonly work: (message: Message) => Promise<void>
  /** Told when the first has to wait and when none does any more: stop reading, read on. */
  readonly full: (isFull: boolean) => void
}

/**
 * The messages of one connection, begun in the order they came and a few at a time: whoever sends faster than is
 * answered waits with what it sends, and holds up nobody else.
 */
export class InTurn<Message> {
  readonly #o: InTurnOptions<Message>
  #waiting: Message[] = []
  #working = 0

  constructor(options: InTurnOptions<Message>) {
    this.#o = options
  }

  take(message: Message): void {
    if (this.#working < this.#o.atOnce && this.#waiting.length === 0) this.#begin(message)
    else if (this.#waiting.push(message) === 1) this.#o.full(true)
  }

  /** What waits is not begun. */
  drop(): void {
    this.#waiting = []
  }

  #begin(message: Message): void {
    this.#working++
    void this.#o.work(message).finally(() => {
      this.#working--
      // Work that only the store is needed for never leaves this turn of the event loop: others are heard between.
      if (this.#waiting.length > 0) setImmediate(this.#next)
    })
  }

  readonly #next = (): void => {
    if (this.#working >= this.#o.atOnce) return
    const next = this.#waiting.shift()
    if (next === undefined) return
    if (this.#waiting.length === 0) this.#o.full(false)
    this.#begin(next)
  }
}
