import { HEADER_BYTES, MAX_PAYLOAD } from '../wire/frame.ts'

/** Room before a frame for the control frames and small frames that travel in the same TLS write. */
export const HEADROOM_BYTES = 8_192
/** A full TLS record carries this much; a full DATA frame is four of them. */
export const RECORD_BYTES = 16_384

/**
 * Memory for one DATA frame of any length:
 *
 *     | headroom, 8 192 | header, 8 | body, 65 528 |
 *
 * A local socket reads into `body`; the header and whatever else is due go in front, and all of it leaves in
 * one write. On the way in the same memory is used as four whole records, `records`.
 *
 * Held by whoever still reads it: the last `letGo` returns it to the pool.
 */
export class Slab {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(HEADROOM_BYTES + HEADER_BYTES + MAX_PAYLOAD)
  readonly body: Buffer = this.bytes.subarray(HEADROOM_BYTES + HEADER_BYTES)
  readonly records: readonly Buffer[] = [0, 1, 2, 3].map((i) =>
    this.bytes.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES),
  )
  /** Bytes in use: of `body` for a frame, from the end of the headroom for a batch of small frames. */
  used = 0
  #holds = 0

  hold(): this {
    this.#holds++
    return this
  }

  letGo(): void {
    if (--this.#holds === 0) giveBack(this)
  }
}

/** Slabs kept for reuse, newest first so that they are still in the cache: 4.7 MB at most. */
const MAX_FREE = 64
const free: Slab[] = []

/** A slab with one hold, its content undefined. */
export function takeSlab(): Slab {
  const slab = free.pop() ?? new Slab()
  slab.used = 0
  return slab.hold()
}

function giveBack(slab: Slab): void {
  if (free.length < MAX_FREE) free.push(slab)
}
