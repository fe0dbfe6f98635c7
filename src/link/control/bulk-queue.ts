/** As much may wait to leave while more of what can wait is added: what cannot wait stands behind no more than this. */
const FULL_BYTES = 65_536

/** Gives the next message, or nothing for now. */
export type BulkSource<Out> = () => Out | undefined

export interface BulkQueueOptions<Out> {
  readonly send: (message: Out) => boolean
  /** Bytes that were sent and have not left. */
  readonly unsentBytes: () => number
}

/**
 * What can wait on its way out: told as fast as the peer takes it and no faster, so that decisions and pings overtake
 * it, and no sender ever queues more than its peer is patient with. Whoever has something is asked in turns.
 */
export class BulkQueue<Out> {
  readonly #o: BulkQueueOptions<Out>
  readonly #ready = new Set<BulkSource<Out>>()
  readonly #lists: Iterator<Out>[] = []
  #pumping = false

  constructor(options: BulkQueueOptions<Out>) {
    this.#o = options
  }

  /** `source` has something to say: it is asked until it says nothing, and then again after the next offer. */
  offer(source: BulkSource<Out>): void {
    this.#ready.add(source)
    this.pump()
  }

  /** These, in this order, and behind those of earlier calls. */
  sendAll(messages: Iterable<Out>): void {
    this.#lists.push(messages[Symbol.iterator]())
    this.offer(this.#nextOfLists)
  }

  /** Something has left. */
  pump(): void {
    if (this.#pumping) return // a source that offers again while it is asked
    this.#pumping = true
    try {
      for (const source of this.#ready) {
        if (this.#o.unsentBytes() >= FULL_BYTES) return
        const message = source()
        this.#ready.delete(source)
        if (message === undefined) continue
        this.#ready.add(source) // behind the others
        if (!this.#o.send(message)) return
      }
    } finally {
      this.#pumping = false
    }
  }

  /** Nobody is asked any more. */
  clear(): void {
    this.#ready.clear()
    this.#lists.length = 0
  }

  readonly #nextOfLists = (): Out | undefined => {
    for (let first = this.#lists[0]; first !== undefined; first = this.#lists[0]) {
      const { done, value } = first.next()
      if (done !== true) return value
      this.#lists.shift()
    }
    return undefined
  }
}
