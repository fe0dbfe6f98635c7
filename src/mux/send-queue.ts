import type { Slab } from './slab.ts'

/** What one stream has queued for the tunnel, in slabs of its own: one of the queues of the round robin. */
export class SendQueue {
  readonly stream: number
  readonly slabs: Slab[] = []
  bytes = 0
  /** Bytes this queue may still send in its turn (deficit round robin). */
  deficit = 0
  /** The last slab carries FIN. */
  fin = false
  /** Payload of a RESET that leaves behind the last slab. */
  reset: Buffer | undefined
  /** Number of the batch that carries the latest small frame of this stream; slabs must not overtake it. */
  batch = -1
  next: SendQueue | undefined

  constructor(stream: number) {
    this.stream = stream
  }
}

/** Bytes a queue may send each time its turn comes: one full frame. */
const QUANTUM_BYTES = 65_528

/** Deficit round robin over the queues that have something to send (Shreedhar and Varghese, 1995). */
export class RoundRobin {
  #head: SendQueue | undefined
  #tail: SendQueue | undefined
  queues = 0

  add(queue: SendQueue): void {
    queue.next = undefined
    if (this.#tail) this.#tail.next = queue
    else this.#head = queue
    this.#tail = queue
    this.queues++
  }

  /** Takes the next slab of the queue whose turn it is, skipping queues with frames in batch `unsent` or later. */
  take(unsent: number): { queue: SendQueue; slab: Slab } | undefined {
    for (let tries = this.queues; tries > 0; tries--) {
      const queue = this.#shift()!
      if (queue.batch >= unsent) {
        this.add(queue)
        continue
      }
      const slab = queue.slabs.shift()!
      if (queue.deficit < slab.used) queue.deficit += QUANTUM_BYTES
      queue.deficit -= slab.used
      queue.bytes -= slab.used
      const following = queue.slabs[0]
      if (!following) queue.deficit = 0
      else if (queue.deficit >= following.used) this.#unshift(queue)
      else this.add(queue)
      return { queue, slab }
    }
    return undefined
  }

  remove(queue: SendQueue): void {
    const rest: SendQueue[] = []
    for (let each = this.#head; each; each = each.next) if (each !== queue) rest.push(each)
    this.#head = undefined
    this.#tail = undefined
    this.queues = 0
    for (const each of rest) this.add(each)
  }

  #shift(): SendQueue | undefined {
    const queue = this.#head
    this.#head = queue?.next
    if (!this.#head) this.#tail = undefined
    if (queue) this.queues--
    return queue
  }

  #unshift(queue: SendQueue): void {
    queue.next = this.#head
    this.#head = queue
    this.#tail ??= queue
    this.queues++
  }
}
