import type { Duplex } from 'node:stream'
import type { FrameType } from '../wire/frame.ts'
import { DirectReader, type DirectReaderOwner, SHARED } from './direct-reader.ts'
import { FrameReader } from './frame-reader.ts'
import { RECORD_BYTES, type Slab, takeSlab } from './slab.ts'
import type { MuxStream } from './stream.ts'

/**
 * So much without a pause, and the rest of the event loop has its turn: node itself would read on for two megabytes, and
 * whatever is urgent in other sockets waits for that.
 */
const TURN_BYTES = 131_072

/** What a TunnelReader tells its tunnel. Each may throw a Fault, which ends the tunnel. */
export interface TunnelReaderOwner {
  /** DATA of `length` bytes comes for `stream`. @returns whom it is for; undefined: nobody (any more). */
  receiver(stream: number, length: number, fin: boolean): MuxStream | undefined
  frame(type: FrameType, stream: number, payload: Buffer): void
  /** The peer ended the session. */
  ended(): void
  /** The peer sent what the protocol does not allow. */
  broken(thrown: unknown): void
}

/**
 * TLS session to streams. The TLS layer hands on one record at a time. While traffic is light it is read into
 * the shared buffer. Full records follow each other into a slab, so that a DATA frame, which is four of them, leaves
 * for the local socket in one write, from where it lies.
 */
export class TunnelReader implements DirectReaderOwner {
  readonly #owner: TunnelReaderOwner
  readonly #reader: DirectReader
  readonly #frames: FrameReader
  #slab: Slab | undefined
  /** Bytes of the slab that hold records. */
  #filled = 0
  #stream: MuxStream | undefined
  /** Payload in the slab not handed on yet: a run of one frame. */
  #runStart = 0
  #runEnd = 0
  #scheduled = false
  #closed = false
  /** Since less than a full record came, which is when there was no more. */
  #inTurn = 0
  /** How often something has come: a tunnel that hears anything is alive. */
  reads = 0

  constructor(socket: Duplex, owner: TunnelReaderOwner) {
    this.#owner = owner
    this.#frames = new FrameReader(this)
    this.#reader = new DirectReader(socket, SHARED, this)
  }

  start(): void {
    this.#reader.start()
  }

  close(): void {
    this.#closed = true
    this.#slab = undefined // not given back: the socket may still read into it
  }

  received(buffer: Buffer, bytes: number): boolean {
    this.reads++
    if (this.#closed) return true // read on, to learn that the peer closes too
    try {
      if (this.#slab) {
        const start = this.#filled
        this.#filled += bytes
        this.#frames.feed(this.#slab.bytes, start, this.#filled)
      } else this.#frames.feed(buffer, 0, bytes)
      if (!this.#closed) this.#chooseBuffer(bytes === RECORD_BYTES)
      return this.#mayReadOn(bytes)
    } catch (thrown) {
      this.#owner.broken(thrown)
    }
    return true
  }

  #mayReadOn(bytes: number): boolean {
    this.#inTurn = bytes === RECORD_BYTES ? this.#inTurn + bytes : 0
    if (this.#inTurn < TURN_BYTES || this.#closed) return true
    this.#inTurn = 0
    setImmediate(this.#goOn)
    return false
  }

  readonly #goOn = (): void => this.#reader.start()

  ended(): void {
    if (!this.#closed) this.#owner.ended()
  }

  /** A full record is followed by more of them; a frame best starts at the start of a slab. */
  #chooseBuffer(full: boolean): void {
    const slab = this.#slab
    if (!full || !slab || this.#filled === 4 * RECORD_BYTES || this.#frames.betweenFrames) {
      this.#handOn()
      slab?.letGo()
      this.#slab = full ? takeSlab() : undefined
      this.#filled = 0
    } else if (this.#runEnd > this.#runStart && !this.#scheduled) {
      this.#scheduled = true
      setImmediate(this.#turn)
    }
    this.#reader.buffer = this.#slab ? this.#slab.records[this.#filled / RECORD_BYTES]! : SHARED
  }

  /** The rest of the frame did not come in this turn of the event loop: what is here goes on alone. */
  readonly #turn = (): void => {
    this.#scheduled = false
    if (!this.#closed) this.#handOn()
  }

  #handOn(): void {
    const start = this.#runStart
    const end = this.#runEnd
    if (start === end) return
    this.#runStart = end
    const slab = this.#slab!
    this.#stream?.deliver(slab.bytes, start, end, slab)
  }

  // FrameSink

  beginData(stream: number, length: number, fin: boolean): void {
    this.#stream = this.#owner.receiver(stream, length, fin)
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (this.#slab) {
      if (this.#runEnd !== start) this.#runStart = start
      this.#runEnd = end
    } else this.#stream?.deliver(buffer, start, end, undefined)
  }

  endData(fin: boolean): void {
    this.#handOn()
    if (fin) this.#stream?.fin()
    this.#stream = undefined
  }

  frame(type: FrameType, stream: number, payload: Buffer): void {
    this.#owner.frame(type, stream, payload)
  }
}
