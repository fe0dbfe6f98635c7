import { type FrameType, HEADER_BYTES, writeHeader } from '../wire/frame.ts'
import { HEADROOM_BYTES } from './slab.ts'

/** Control frames that a peer makes us queue without reading them: past this it is an attack, or dead. */
const MAX_BYTES = 4_194_304
const FIRST_BYTES = 1_024

/** Control frames in the order they were made, as the bytes they leave as. */
export class ControlQueue {
  #buffer: Buffer = NONE
  bytes = 0

  /** @returns false if nothing more fits. */
  push(type: FrameType, stream: number, payload: Uint8Array): boolean {
    const at = this.#reserve(type, stream, payload.length)
    if (at < 0) return false
    this.#buffer.set(payload, at)
    return true
  }

  pushWindow(type: FrameType, stream: number, bytes: number): boolean {
    const at = this.#reserve(type, stream, 4)
    if (at < 0) return false
    this.#buffer.writeUInt32BE(bytes, at)
    return true
  }

  /** Writes a header. @returns where its payload goes; -1 if it does not fit. */
  #reserve(type: FrameType, stream: number, length: number): number {
    const at = this.bytes
    const end = at + HEADER_BYTES + length
    if (end > MAX_BYTES) return -1
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 ** Math.ceil(Math.log2(end))))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    writeHeader(this.#buffer, at, type, false, length, stream)
    this.bytes = end
    return at + HEADER_BYTES
  }

  /** Moves everything into `buffer` so that it ends at `end`. @returns where it starts. */
  moveBefore(buffer: Buffer, end: number): number {
    const start = end - this.bytes
    if (start === end) return end
    this.#buffer.copy(buffer, start, 0, this.bytes)
    this.bytes = 0
    if (this.#buffer.length > HEADROOM_BYTES) this.#buffer = NONE
    return start
  }

  /** Everything, as a buffer that is the caller's. */
  take(): Buffer {
    const all = this.#buffer.subarray(0, this.bytes)
    this.#buffer = NONE
    this.bytes = 0
    return all
  }
}

const NONE = Buffer.alloc(0)
