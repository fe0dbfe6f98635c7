import type { Duplex } from 'node:stream'
import { FrameType, INITIAL_WINDOW, MAX_PAYLOAD } from '../wire/frame.ts'
import { Landing, type LandingOwner, SHARED } from './landing.ts'
import { Lane } from './lane.ts'
import type { Outbox, Sender } from './outbox.ts'
import { type Slab, takeSlab } from './slab.ts'

/** Slabs of one stream that may wait for the tunnel. */
const MAX_SLABS = 4

/**
 * Local socket to tunnel. An idle or chatty socket reads into the shared buffer and its bytes are copied into the
 * outbox; a socket that fills a read gets a slab of its own, which goes out as it is.
 */
export class StreamSender implements LandingOwner, Sender {
  readonly lane: Lane
  readonly #outbox: Outbox
  #landing: Landing | undefined
  #slab: Slab | undefined
  #credit = INITIAL_WINDOW
  /** Why nothing is being read. */
  #stopped: 'no' | 'credit' | 'outbox' | 'over' = 'no'
  #bulk = false
  bytes = 0

  constructor(stream: number, outbox: Outbox) {
    this.lane = new Lane(stream)
    this.#outbox = outbox
  }

  attach(socket: Duplex): void {
    this.#landing = new Landing(socket, SHARED, this)
    if (this.#arm(false)) this.#landing.start()
  }

  landed(buffer: Buffer, bytes: number): boolean {
    if (this.#stopped === 'over') return false
    this.#credit -= bytes
    this.bytes += bytes
    if (this.#slab) {
      this.#slab.used = bytes
      this.#outbox.slab(this.lane, this.#slab)
      this.#slab = undefined
    } else if (this.lane.slabs.length > 0) {
      const slab = takeSlab()
      slab.used = buffer.copy(slab.body, 0, 0, bytes)
      this.#outbox.slab(this.lane, slab)
    } else this.#outbox.small(this.lane, FrameType.DATA, buffer, bytes, false)
    return this.#arm(bytes === buffer.length)
  }

  /** Chooses where the next read goes. @param bulk The last read found more than it had room for. */
  #arm(bulk: boolean): boolean {
    this.#bulk = bulk
    this.#stopped = 'no'
    if (this.#credit < SHARED.length) this.#stopped = 'credit'
    else if (this.#outbox.full || this.lane.slabs.length >= MAX_SLABS) {
      this.#stopped = 'outbox'
      this.#outbox.wait(this)
    }
    const landing = this.#landing!
    if (this.#stopped !== 'no' || !bulk || this.#credit < MAX_PAYLOAD) landing.buffer = SHARED
    else {
      this.#slab = takeSlab()
      landing.buffer = this.#slab.body
    }
    return this.#stopped === 'no'
  }

  /** The outbox has room again. */
  goOn(): void {
    if (this.#stopped === 'outbox' && this.#arm(this.#bulk)) this.#landing!.start()
  }

  /** The peer takes `bytes` more. @returns false if it promises more than a sane peer would. */
  credit(bytes: number): boolean {
    this.#credit += bytes
    if (this.#stopped === 'credit' && this.#credit >= SHARED.length && this.#arm(this.#bulk)) {
      this.#landing!.start()
    }
    return this.#credit <= 0x7fff_ffff
  }

  /** The local socket has ended: FIN leaves on, or behind, what waits. */
  end(): void {
    this.#stop()
    if (this.lane.slabs.length > 0) this.lane.fin = true
    else this.#outbox.small(this.lane, FrameType.DATA, SHARED, 0, true)
  }

  /** Forgets what waits. */
  drop(): void {
    this.#stop()
    this.#outbox.drop(this.lane)
  }

  #stop(): void {
    this.#stopped = 'over'
    if (this.#landing) this.#landing.buffer = SHARED
    this.#slab?.letGo()
    this.#slab = undefined
  }
}
