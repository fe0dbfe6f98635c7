import type { Writable } from 'node:stream'
import { Fault } from '../base/faults.ts'
import { FrameType, HEADER_BYTES, MAX_PAYLOAD, writeHeader } from '../wire/frame.ts'
import { ControlQueue } from './control-queue.ts'
import { RoundRobin, type SendQueue } from './send-queue.ts'
import { SendRateLimiter } from './send-rate-limiter.ts'
import { HEADROOM_BYTES, type Slab, takeSlab } from './slab.ts'

/** Local sockets stop being read while this much waits for the tunnel, and go on below the low mark. */
const HIGH_BYTES = 524_288
const LOW_BYTES = 131_072
const MAX_WAITING_WITH_SLAB = 16
const LAZY_MS = 5
const BATCH_BYTES = HEADER_BYTES + MAX_PAYLOAD

/**
 * When a frame leaves: at the end of this turn of the event loop; of the next one, with what comes until then; or with
 * the next frame, at the latest after LAZY_MS. Whatever leaves takes all that waits with it.
 */
export type Leaves = 'now' | 'next turn' | 'lazily'

/** Stopped reading a local socket because too much waits for the tunnel. */
export interface PausedSender {
  /** @returns whether it reads again, and will say so with `arrived`. */
  goOn(): boolean
}

/**
 * Decides what enters the TLS session next. One write is under way at a time, of about 64 KiB, so that nothing
 * urgent ever waits behind more than that here:
 *
 *   1. control frames, always first
 *   2. small DATA frames of all streams, gathered in a batch during one turn of the event loop
 *   3. one slab of the bulk streams, in deficit round robin
 *
 * Control and batch travel in the headroom in front of the slab, so that all three leave in one write. Where the
 * batch is too long for that, batches and slabs alternate. Slabs wait here, and not in the kernel, while the rate limiter
 * says that enough is on its way.
 */
export class SendScheduler {
  readonly #socket: Writable
  readonly #broken: (why: Fault) => void
  readonly #bulk = new RoundRobin()
  readonly #limiter = new SendRateLimiter()
  readonly #waiting: PausedSender[] = []
  /** Senders that were told to go on and have read nothing yet. */
  #expected = 0
  readonly #control = new ControlQueue()
  /** Small frames; the last slab is being filled. Its number is `#batchNumber + #batches.length - 1`. */
  readonly #batches: Slab[] = []
  #batchNumber = 0
  #slabsTurn = false
  #writing = false
  #writingSlab: Slab | undefined
  #writingBytes = 0
  #scheduled = false
  /** What waits may wait for one more turn. */
  #held = false
  #soon: NodeJS.Timeout | undefined
  #closed = false
  queuedBytes = 0

  /** @param broken The peer makes us queue what it does not read; the scheduler is closed by then. */
  constructor(socket: Writable, broken: (why: Fault) => void) {
    this.#socket = socket
    this.#broken = broken
  }

  get full(): boolean {
    return this.queuedBytes >= HIGH_BYTES
  }

  /**
   * May a stream read on? One that fills slabs reads ahead only while little waits, and goes to the back of the
   * line then; one that sends little at a time waits only when much does.
   *
   * @param bulk The stream has just filled a slab.
   */
  hasRoom(queue: SendQueue, bulk: boolean): boolean {
    if (bulk) return this.queuedBytes < LOW_BYTES && this.#waiting.length + this.#expected === 0
    return this.queuedBytes < (queue.slabs.length > 0 ? HIGH_BYTES : 2 * HIGH_BYTES)
  }

  /** A sender that was told to go on has read something, or never will. */
  arrived(): void {
    this.#expected--
  }

  /** Do so many senders wait that none should keep a slab while it does? */
  get crowded(): boolean {
    return this.#waiting.length > MAX_WAITING_WITH_SLAB
  }

  /** @param when See `Leaves`. */
  control(type: FrameType, stream: number, payload: Uint8Array, when: Leaves = 'now'): void {
    if (!this.#closed) this.#queued(this.#control.push(type, stream, payload), payload.length, when)
  }

  window(stream: number, bytes: number): void {
    if (!this.#closed) this.#queued(this.#control.pushWindow(FrameType.WINDOW, stream, bytes), 4)
  }

  #queued(fits: boolean, payloadBytes: number, when: Leaves = 'now'): void {
    if (fits) {
      this.queuedBytes += HEADER_BYTES + payloadBytes
      if (when !== 'lazily') this.#schedule(when)
      else this.#soon ??= setTimeout(this.#leave, LAZY_MS).unref()
      return
    }
    const bytes = this.#control.bytes
    this.close()
    this.#broken(
      new Fault('PROTOCOL_ERROR', `${bytes} bytes of control frames are waiting, and the peer does not read`),
    )
  }

  /** A frame copied from `payload`, now: DATA or DATAGRAM, which is dropped when the tunnel is slow. */
  small(
    queue: SendQueue,
    type: FrameType,
    payload: Buffer,
    bytes: number,
    fin: boolean,
    when: Leaves = 'now',
  ): void {
    if (this.#closed) return
    const end = HEADER_BYTES + bytes
    let batch = this.#batches.at(-1)
    if (!batch || batch.used + end > BATCH_BYTES) {
      batch = takeSlab()
      this.#batches.push(batch)
    }
    const at = HEADROOM_BYTES + batch.used
    writeHeader(batch.bytes, at, type, fin, bytes, queue.stream)
    payload.copy(batch.bytes, at + HEADER_BYTES, 0, bytes)
    batch.used += end
    queue.batch = this.#batchNumber + this.#batches.length - 1
    this.queuedBytes += end
    this.#schedule(when)
  }

  /** A DATA frame that a local socket read into `slab`; the scheduler has the hold on it from here. */
  slab(queue: SendQueue, slab: Slab): void {
    if (this.#closed) {
      slab.letGo()
      return
    }
    queue.slabs.push(slab)
    queue.bytes += slab.used
    this.queuedBytes += slab.used
    if (queue.slabs.length === 1) this.#bulk.add(queue)
    if (!this.#writing) this.#flush()
  }

  /** @returns whether this PONG answers a marker of ours. @throws {Fault} PROTOCOL_ERROR if it answers nothing. */
  answered(payload: Buffer): boolean {
    if (!payload.equals(MARKER)) return false
    if (!this.#limiter.marked)
      throw new Fault('PROTOCOL_ERROR', 'the tunnel carried a PONG that answers no PING')
    this.#limiter.answer(performance.now() * 1000)
    if (!this.#writing && !this.#closed) this.#flush()
    this.#letSendersGoOn()
    return true
  }

  /** RESET of a stream behind everything of it that waits. */
  reset(queue: SendQueue, payload: Buffer): void {
    if (queue.slabs.length > 0) queue.reset = payload
    else this.small(queue, FrameType.RESET, payload, payload.length, false)
  }

  /** Forgets what waits in the queue of a stream that was reset. */
  drop(queue: SendQueue): void {
    if (queue.slabs.length === 0) return
    this.#bulk.remove(queue)
    this.queuedBytes -= queue.bytes
    for (const slab of queue.slabs.splice(0)) slab.letGo()
    queue.bytes = 0
    this.#schedule() // others may have waited for this room
  }

  /** Calls `sender.goOn` once there is room, first come first served. */
  wait(sender: PausedSender): void {
    this.#waiting.push(sender)
  }

  /** Nothing more enters the tunnel. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#soon)
    this.#waiting.length = 0
    for (let taken = this.#bulk.take(Infinity); taken; taken = this.#bulk.take(Infinity)) taken.slab.letGo()
    for (const batch of this.#batches.splice(0)) batch.letGo()
    this.#control.take()
    this.queuedBytes = 0
  }

  /** Hands what is queued to the socket now, however much, and closes: the last words of a tunnel. */
  flushAndClose(): void {
    if (this.#closed) return
    if (this.#control.bytes > 0) this.#socket.write(this.#control.take())
    this.close()
  }

  readonly #leave = (): void => {
    this.#soon = undefined
    this.#schedule()
  }

  #schedule(when: Leaves = 'now'): void {
    if (when === 'now') this.#held = false
    if (this.#scheduled || this.#writing) return
    this.#scheduled = true
    this.#held = when === 'next turn'
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    if (this.#held) {
      this.#held = false
      setImmediate(this.#turn)
      return
    }
    this.#scheduled = false
    if (this.#closed || this.#writing) return
    this.#flush()
    this.#letSendersGoOn()
  }

  readonly #written = (): void => {
    this.#writing = false
    this.queuedBytes -= this.#closed ? 0 : this.#writingBytes
    this.#writingSlab?.letGo()
    this.#writingSlab = undefined
    if (this.#closed) return
    this.#flush()
    this.#letSendersGoOn()
  }

  /** A few at a time, as each may read a whole slab; those that find nothing to read must not keep the rest waiting. */
  #letSendersGoOn(): void {
    if (this.#waiting.length === 0 || this.queuedBytes >= LOW_BYTES) return
    let room = HIGH_BYTES - this.queuedBytes
    while (room > 0 && this.#waiting.length > 0) {
      if (!this.#waiting.shift()!.goOn()) continue
      this.#expected++
      room -= MAX_PAYLOAD
    }
    if (this.#waiting.length > 0) this.#schedule()
  }

  #flush(): void {
    const something = this.#bulk.queues > 0 || this.#batches.length > 0 || this.#control.bytes > 0
    if (something && this.#limiter.wantsMarker) {
      this.#limiter.marker(performance.now() * 1000)
      this.control(FrameType.PING, 0, MARKER)
    }
    const slabsMayLeave = this.#bulk.queues > 0 && this.#limiter.open
    const batch = this.#batches[0]
    const inFront = this.#control.bytes + (batch?.used ?? 0)
    if (slabsMayLeave && this.#batches.length <= 1 && inFront <= HEADROOM_BYTES) {
      const { queue, slab } = this.#bulk.take(Infinity)!
      this.#sendSlab(queue, slab, batch)
    } else if (batch === undefined) {
      if (this.#control.bytes > 0) this.#sendControl()
    } else if (this.#control.bytes > HEADROOM_BYTES) {
      this.#sendControl()
    } else {
      const taken = slabsMayLeave && this.#slabsTurn ? this.#bulk.take(this.#batchNumber) : undefined
      this.#slabsTurn = !taken
      if (taken) this.#sendSlab(taken.queue, taken.slab, undefined)
      else this.#sendBatch(batch)
    }
  }

  #sendSlab(queue: SendQueue, slab: Slab, batch: Slab | undefined): void {
    const fin = queue.fin && queue.slabs.length === 0
    let start = HEADROOM_BYTES
    const end = HEADROOM_BYTES + HEADER_BYTES + slab.used
    writeHeader(slab.bytes, start, FrameType.DATA, fin, slab.used, queue.stream)
    this.queuedBytes += HEADER_BYTES
    if (batch) {
      start -= batch.used
      batch.bytes.copy(slab.bytes, start, HEADROOM_BYTES, HEADROOM_BYTES + batch.used)
      this.#batches.shift()
      this.#batchNumber++
      batch.letGo()
    }
    this.#write(slab, this.#control.moveBefore(slab.bytes, start), end)
    if (queue.reset && queue.slabs.length === 0) this.control(FrameType.RESET, queue.stream, queue.reset)
  }

  #sendBatch(batch: Slab): void {
    this.#batches.shift()
    this.#batchNumber++
    this.#write(batch, this.#control.moveBefore(batch.bytes, HEADROOM_BYTES), HEADROOM_BYTES + batch.used)
  }

  #sendControl(): void {
    const bytes = this.#control.bytes
    const slab = takeSlab()
    if (bytes <= slab.bytes.length) this.#write(slab, this.#control.moveBefore(slab.bytes, bytes), bytes)
    else {
      slab.letGo()
      this.#send(this.#control.take())
    }
  }

  #write(slab: Slab, start: number, end: number): void {
    this.#writingSlab = slab
    this.#send(slab.bytes.subarray(start, end))
  }

  #send(bytes: Buffer): void {
    this.#writing = true
    this.#writingBytes = bytes.length
    this.#limiter.sent(bytes.length)
    this.#socket.write(bytes, this.#written)
  }
}

/** Payload of the PINGs between the data; those of the heartbeat are numbers. */
const MARKER = Buffer.alloc(8, 0xff)
