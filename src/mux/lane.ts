import type { Slab } from './slab.ts'

/** The frames of one stream that wait for the tunnel in slabs of their own: its place in the round robin. */
export class Lane {
  readonly stream: number
  readonly slabs: Slab[] = []
  bytes = 0
  /** Bytes this lane may still send in its turn (deficit round robin). */
  deficit = 0
  /** The last slab carries FIN. */
  fin = false
  /** Payload of a RESET that leaves behind the last slab. */
  reset: Buffer | undefined
  /** Number of the batch that carries the latest small frame of this stream; slabs must not overtake it. */
  batch = -1
  next: Lane | undefined

  constructor(stream: number) {
    this.stream = stream
  }
}

/** Bytes a lane may send each time its turn comes: one full frame. */
const QUANTUM_BYTES = 65_528

/** Deficit round robin over the lanes that have something to send (Shreedhar and Varghese, 1995). */
export class RoundRobin {
  #head: Lane | undefined
  #tail: Lane | undefined
  lanes = 0

  add(lane: Lane): void {
    lane.next = undefined
    if (this.#tail) this.#tail.next = lane
    else this.#head = lane
    this.#tail = lane
    this.lanes++
  }

  /** Takes the next slab of the lane whose turn it is, skipping lanes with frames in batch `unsent` or later. */
  take(unsent: number): { lane: Lane; slab: Slab } | undefined {
    for (let tries = this.lanes; tries > 0; tries--) {
      const lane = this.#shift()!
      if (lane.batch >= unsent) {
        this.add(lane)
        continue
      }
      const slab = lane.slabs.shift()!
      if (lane.deficit < slab.used) lane.deficit += QUANTUM_BYTES
      lane.deficit -= slab.used
      lane.bytes -= slab.used
      const following = lane.slabs[0]
      if (!following) lane.deficit = 0
      else if (lane.deficit >= following.used) this.#unshift(lane)
      else this.add(lane)
      return { lane, slab }
    }
    return undefined
  }

  remove(lane: Lane): void {
    const rest: Lane[] = []
    for (let each = this.#head; each; each = each.next) if (each !== lane) rest.push(each)
    this.#head = undefined
    this.#tail = undefined
    this.lanes = 0
    for (const each of rest) this.add(each)
  }

  #shift(): Lane | undefined {
    const lane = this.#head
    this.#head = lane?.next
    if (!this.#head) this.#tail = undefined
    if (lane) this.lanes--
    return lane
  }

  #unshift(lane: Lane): void {
    lane.next = this.#head
    this.#head = lane
    this.#tail ??= lane
    this.lanes++
  }
}
