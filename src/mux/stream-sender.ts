import type { Duplex } from 'node:stream'
import { FrameType, INITIAL_WINDOW, MAX_PAYLOAD } from '../wire/frame.ts'
import { DirectReader, type DirectReaderOwner, SHARED } from './direct-reader.ts'
import { SendQueue } from './send-queue.ts'
import type { PausedSender, SendScheduler } from './send-scheduler.ts'
import { type Slab, takeSlab } from './slab.ts'

export interface SenderOwner {
  /** The local socket has ended; everything before that was taken. */
  socketEnded(): void
  /** Something threw that never should. */
  senderFailed(thrown: unknown): void
}

/** The end of a stream that has said no more than this waits for company, as its first word does. */
const YOUNG_BYTES = 16_384

/**
 * Local socket to tunnel. An idle or chatty socket reads into the shared buffer and its bytes are copied into the
 * scheduler; a socket that fills a read gets a slab of its own, which goes out as it is.
 *
 * The first word of a stream waits for one more turn of the event loop, and so does its end if it said little: a request
 * leaves with its OPEN then, and an answer with its FIN. What goes back and forth after that does not wait.
 */
export class StreamSender implements DirectReaderOwner, PausedSender {
  readonly queue: SendQueue
  readonly #scheduler: SendScheduler
  #reader: DirectReader | undefined
  #slab: Slab | undefined
  #credit = INITIAL_WINDOW
  /** Why nothing is being read. */
  #stopped: 'no' | 'credit' | 'room' | 'over' = 'no'
  /** The scheduler was told that this sender reads again. */
  #expected = false
  bytes = 0
  #owner: SenderOwner | undefined

  constructor(stream: number, scheduler: SendScheduler) {
    this.queue = new SendQueue(stream)
    this.#scheduler = scheduler
  }

  attach(socket: Duplex, owner: SenderOwner): void {
    this.#owner = owner
    this.#reader = new DirectReader(socket, SHARED, this)
    if (this.#mayRead(false)) this.#reader.start()
  }

  received(buffer: Buffer, bytes: number): boolean {
    if (this.#stopped === 'over') return false
    try {
      return this.#take(buffer, bytes)
    } catch (thrown) {
      this.#owner!.senderFailed(thrown)
      return false
    }
  }

  ended(): void {
    try {
      this.#owner!.socketEnded()
    } catch (thrown) {
      this.#owner!.senderFailed(thrown)
    }
  }

  #take(buffer: Buffer, bytes: number): boolean {
    this.#arrived()
    this.#credit -= bytes
    this.bytes += bytes
    const slab = this.#slab
    const first = this.bytes === bytes ? 'next turn' : 'now'
    const full = bytes === (slab?.body ?? SHARED).length
    if (slab) {
      this.#queue(slab, bytes)
      this.#slab = undefined
    } else if (this.queue.slabs.length > 0) {
      const own = takeSlab()
      this.#queue(own, buffer.copy(own.body, 0, 0, bytes))
    } else this.#scheduler.small(this.queue, FrameType.DATA, buffer, bytes, false, first)
    this.#chooseBuffer(full)
    return this.#mayRead(slab !== undefined)
  }

  #queue(slab: Slab, bytes: number): void {
    slab.used = bytes
    this.#scheduler.slab(this.queue, slab)
  }

  /** Where the next read goes, which must be known now even if it comes later. @param bulk The last read was full. */
  #chooseBuffer(bulk: boolean): void {
    if (!bulk || this.#credit < MAX_PAYLOAD || this.#scheduler.crowded) this.#reader!.buffer = SHARED
    else {
      this.#slab = takeSlab()
      this.#reader!.buffer = this.#slab.body
    }
  }

  #mayRead(bulk: boolean): boolean {
    if (this.#credit < SHARED.length) this.#stopped = 'credit'
    else if (!this.#scheduler.hasRoom(this.queue, bulk)) {
      this.#stopped = 'room'
      this.#scheduler.wait(this)
    } else this.#stopped = 'no'
    return this.#stopped === 'no'
  }

  /** The scheduler has room again. */
  goOn(): boolean {
    if (this.#stopped !== 'room' || !this.#mayRead(false)) return false
    this.#expected = true
    this.#reader!.start()
    return true
  }

  #arrived(): void {
    if (!this.#expected) return
    this.#expected = false
    this.#scheduler.arrived()
  }

  /** The peer takes `bytes` more. @returns false if it promises more than a sane peer would. */
  credit(bytes: number): boolean {
    this.#credit += bytes
    if (this.#stopped === 'credit' && this.#mayRead(false)) this.#reader!.start()
    return this.#credit <= 0x7fff_ffff
  }

  /** The local socket has ended: FIN leaves on, or behind, what waits. */
  end(): void {
    this.#stop()
    if (this.queue.slabs.length > 0) this.queue.fin = true
    else {
      const when = this.bytes <= YOUNG_BYTES ? 'next turn' : 'now'
      this.#scheduler.small(this.queue, FrameType.DATA, SHARED, 0, true, when)
    }
  }

  /** The local socket broke: RESET leaves behind what it had said before. */
  reset(payload: Buffer): void {
    this.#stop()
    this.#scheduler.reset(this.queue, payload)
  }

  /** Forgets what waits. */
  drop(): void {
    this.#stop()
    this.#scheduler.drop(this.queue)
  }

  #stop(): void {
    this.#stopped = 'over'
    this.#arrived()
    this.#reader?.stop() // the socket may live on, to be written out: what it says must not be read into what others get
    this.#slab?.letGo()
    this.#slab = undefined
  }
}
