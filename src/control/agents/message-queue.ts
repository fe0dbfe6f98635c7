export interface MessageQueueOptions<Message> {
  /** As many at once; the others wait. */
  readonly atOnce: number
  /** As many may wait before nothing more is read: what is not read may be a ping. */
  readonly mayWait: number
  /** Never rejects. */
  readonly work: (message: Message) => Promise<void>
  /** Told when too many wait, and when half of them do not any more: stop reading, read on. */
  readonly full: (isFull: boolean) => void
}

/**
 * The messages of one connection, begun in the order they came and a few at a time: whoever sends faster than is
 * answered waits with what it sends, and holds up nobody else.
 */
export class MessageQueue<Message> {
  readonly #o: MessageQueueOptions<Message>
  #waiting: Message[] = []
  #working = 0
  #full = false

  constructor(options: MessageQueueOptions<Message>) {
    this.#o = options
  }

  take(message: Message): void {
    if (this.#working < this.#o.atOnce && this.#waiting.length === 0) this.#begin(message)
    else if (this.#waiting.push(message) > this.#o.mayWait && !this.#full) this.#tell(true)
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

  #tell(isFull: boolean): void {
    this.#full = isFull
    this.#o.full(isFull)
  }

  readonly #next = (): void => {
    if (this.#working >= this.#o.atOnce) return
    const next = this.#waiting.shift()
    if (next === undefined) return
    if (this.#full && this.#waiting.length <= this.#o.mayWait / 2) this.#tell(false)
    this.#begin(next)
  }
}
