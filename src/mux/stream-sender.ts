import type { Duplex } from 'node:stream'
import { FrameType, INITIAL_WINDOW, MAX_PAYLOAD } from '../wire/frame.ts'
import { Landing, type LandingOwner, SHARED } from './landing.ts'
import { Lane } from './lane.ts'
import type { Outbox, Sender } from './outbox.ts'
import { type Slab, takeSlab } from './slab.ts'

export interface SenderOwner {
  /** The local socket has ended; everything before that was taken. */
  ended(): void
  /** Something threw that never should. */
  failed(thrown: unknown): void
}

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
  /** The outbox was told that this sender reads again. */
  #expected = false
  bytes = 0
  #owner: SenderOwner | undefined

  constructor(stream: number, outbox: Outbox) {
    this.lane = new Lane(stream)
    this.#outbox = outbox
  }

  attach(socket: Duplex, owner: SenderOwner): void {
    this.#owner = owner
    this.#landing = new Landing(socket, SHARED, this)
    if (this.#mayRead(false)) this.#landing.start()
  }

  landed(buffer: Buffer, bytes: number): boolean {
    if (this.#stopped === 'over') return false
    try {
      return this.#take(buffer, bytes)
    } catch (thrown) {
      this.#owner!.failed(thrown)
      return false
    }
  }

  ended(): void {
    try {
      this.#owner!.ended()
    } catch (thrown) {
      this.#owner!.failed(thrown)
    }
  }

  #take(buffer: Buffer, bytes: number): boolean {
    this.#arrived()
    this.#credit -= bytes
    this.bytes += bytes
    const slab = this.#slab
    const full = bytes === (slab?.body ?? SHARED).length
    if (slab) {
      this.#queue(slab, bytes)
      this.#slab = undefined
    } else if (this.lane.slabs.length > 0) {
      const own = takeSlab()
      this.#queue(own, buffer.copy(own.body, 0, 0, bytes))
    } else this.#outbox.small(this.lane, FrameType.DATA, buffer, bytes, false)
    this.#chooseBuffer(full)
    return this.#mayRead(slab !== undefined)
  }

  #queue(slab: Slab, bytes: number): void {
    slab.used = bytes
    this.#outbox.slab(this.lane, slab)
  }

  /** Where the next read goes, which must be known now even if it comes later. @param bulk The last read was full. */
  #chooseBuffer(bulk: boolean): void {
    if (!bulk || this.#credit < MAX_PAYLOAD || this.#outbox.crowded) this.#landing!.buffer = SHARED
    else {
      this.#slab = takeSlab()
      this.#landing!.buffer = this.#slab.body
    }
  }

  #mayRead(bulk: boolean): boolean {
    if (this.#credit < SHARED.length) this.#stopped = 'credit'
    else if (!this.#outbox.hasRoom(this.lane, bulk)) {
      this.#stopped = 'outbox'
      this.#outbox.wait(this)
    } else this.#stopped = 'no'
    return this.#stopped === 'no'
  }

  /** The outbox has room again. */
  goOn(): boolean {
    if (this.#stopped !== 'outbox' || !this.#mayRead(false)) return false
    this.#expected = true
    this.#landing!.start()
    return true
  }

  #arrived(): void {
    if (!this.#expected) return
    this.#expected = false
    this.#outbox.arrived()
  }

  /** The peer takes `bytes` more. @returns false if it promises more than a sane peer would. */
  credit(bytes: number): boolean {
    this.#credit += bytes
    if (this.#stopped === 'credit' && this.#mayRead(false)) this.#landing!.start()
    return this.#credit <= 0x7fff_ffff
  }

  /** The local socket has ended: FIN leaves on, or behind, what waits. */
  end(): void {
    this.#stop()
    if (this.lane.slabs.length > 0) this.lane.fin = true
    else this.#outbox.small(this.lane, FrameType.DATA, SHARED, 0, true)
  }

  /** The local socket broke: RESET leaves behind what it had said before. */
  reset(payload: Buffer): void {
    this.#stop()
    this.#outbox.reset(this.lane, payload)
  }

  /** Forgets what waits. */
  drop(): void {
    this.#stop()
    this.#outbox.drop(this.lane)
  }

  #stop(): void {
    this.#stopped = 'over'
    this.#arrived()
    this.#landing?.stop() // the socket may live on, to be written out: what it says must not land in what others get
    this.#slab?.letGo()
    this.#slab = undefined
  }
}
