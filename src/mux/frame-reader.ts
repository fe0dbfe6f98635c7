import { checkHeader, FIN, FrameType, HEADER_BYTES } from '../wire/frame.ts'

/** What a FrameReader finds. Arguments that are buffers are valid during the call only. */
export interface FrameSink {
  /** The header of a DATA frame; `length` may be 0. */
  beginData(stream: number, length: number, fin: boolean): void
  /** The next part of its payload. */
  data(buffer: Buffer, start: number, end: number): void
  endData(fin: boolean): void
  /** Any other frame, whole. */
  frame(type: FrameType, stream: number, payload: Buffer): void
}

/**
 * Takes the bytes of a tunnel apart, however they were cut. DATA goes on as it arrives and is never gathered;
 * other frames are gathered only when a read ends inside one, after their length was checked.
 */
export class FrameReader {
  readonly #sink: FrameSink
  readonly #head = new Uint8Array(HEADER_BYTES)
  #headBytes = 0
  #type = 0
  #fin = false
  #stream = 0
  #length = 0
  /** Payload bytes of the current frame still to come. */
  #left = 0
  #held: Buffer | undefined

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Is a DATA payload only partly here? */
  get insideData(): boolean {
    return this.#left > 0 && this.#type === FrameType.DATA
  }

  /** True when the last byte fed was the last of its frame. */
  get betweenFrames(): boolean {
    return this.#left === 0 && this.#headBytes === 0
  }

  /** @throws {Fault} PROTOCOL_ERROR; nothing may be fed after that. */
  feed(buffer: Buffer, start: number, end: number): void {
    let at = start
    while (at < end) {
      if (this.#left > 0) {
        const stop = Math.min(end, at + this.#left)
        this.#payload(buffer, at, stop)
        at = stop
      } else if (this.#headBytes === 0 && end - at >= HEADER_BYTES) {
        this.#header(buffer, at)
        at += HEADER_BYTES
      } else {
        while (at < end && this.#headBytes < HEADER_BYTES) this.#head[this.#headBytes++] = buffer[at++]!
        if (this.#headBytes === HEADER_BYTES) {
          this.#headBytes = 0
          this.#header(this.#head, 0)
        }
      }
    }
  }

  #header(from: Uint8Array, at: number): void {
    const type = from[at]!
    const flags = from[at + 1]!
    const length = (from[at + 2]! << 8) | from[at + 3]!
    const stream =
      ((from[at + 4]! << 24) | (from[at + 5]! << 16) | (from[at + 6]! << 8) | from[at + 7]!) >>> 0
    checkHeader(type, flags, length, stream)
    this.#type = type
    this.#fin = flags === FIN
    this.#stream = stream
    this.#length = length
    this.#left = length
    if (type === FrameType.DATA) {
      this.#sink.beginData(stream, length, this.#fin)
      if (length === 0) this.#sink.endData(this.#fin)
    } else if (length === 0) this.#sink.frame(type as FrameType, stream, EMPTY)
  }

  #payload(buffer: Buffer, at: number, stop: number): void {
    if (this.#type === FrameType.DATA) {
      this.#left -= stop - at
      this.#sink.data(buffer, at, stop)
      if (this.#left === 0) this.#sink.endData(this.#fin)
      return
    }
    if (stop - at === this.#length) {
      this.#left = 0
      this.#sink.frame(this.#type as FrameType, this.#stream, buffer.subarray(at, stop))
      return
    }
    this.#held ??= Buffer.allocUnsafe(this.#length)
    buffer.copy(this.#held, this.#length - this.#left, at, stop)
    this.#left -= stop - at
    if (this.#left > 0) return
    const whole = this.#held
    this.#held = undefined
    this.#sink.frame(this.#type as FrameType, this.#stream, whole)
  }
}

const EMPTY = Buffer.alloc(0)
