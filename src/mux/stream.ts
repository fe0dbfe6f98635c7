import type { Duplex } from 'node:stream'
import { asFault, Fault, type FaultCode } from '../base/faults.ts'
import { FrameType, MAX_PAYLOAD } from '../wire/frame.ts'
import { encodeOpened, encodeReset, type Opened, type Reset } from '../wire/open.ts'
import { cutSocket } from './cut-socket.ts'
import { outliveWrites } from './outlive-writes.ts'
import type { Slab } from './slab.ts'
import type { StreamContext } from './stream-context.ts'
import type { StreamEnd, StreamEvents } from './stream-end.ts'
import { StreamReceiver } from './stream-receiver.ts'
import { type SenderOwner, StreamSender } from './stream-sender.ts'
import {
  FIN_RECEIVED,
  FIN_SENT,
  isBroken,
  keptOpenBy,
  localEnded,
  peerEnded,
  type StreamState,
  TAKEN_RECEIVED,
  TAKEN_SENT,
  type Transitions,
  WRITE_FAILED,
} from './stream-state.ts'

/**
 * One user connection inside a tunnel.
 *
 * Each direction ends by itself: the local socket's FIN leaves as FIN, the peer's FIN ends the local socket, and TAKEN
 * says that it has taken all of it. With both taken the stream is `done`. RESET, from either side, ends both at once,
 * and the local socket with RST: behind what came before where it was a socket that broke, else before it.
 */
export class MuxStream implements SenderOwner {
  readonly id: number
  /** Connector: OPENED was sent. */
  accepted = false
  /** UDP: called with each datagram of the peer, as a buffer that the callee may keep. */
  onDatagram: ((datagram: Buffer) => void) | undefined
  readonly #context: StreamContext
  readonly #sender: StreamSender
  readonly #receiver: StreamReceiver
  #socket: Duplex | undefined
  #inOrder: (() => boolean) | undefined
  #state: StreamState = 'open/open'
  /** errno of the write that failed, in the states broken/… */
  #errno = ''
  /** What had left when the last bytes of the peer came: if that is all, it was the peer who spoke last. */
  #outAtLastIn = -1
  #peerHeardFirst = false
  /** How much had moved at the last look, and how many looks ago that was. */
  #moved = -1
  #stillLooks = 0
  #credits = 0
  /** Which side ended its direction first. */
  #first: 'local' | 'remote' | undefined
  /** In the state `over`. */
  #end: StreamEnd | undefined
  #ended: PromiseWithResolvers<StreamEnd> | undefined
  /** Told how it ends, at once. */
  keeper: Pick<StreamEvents, 'closed'> | undefined

  /** Streams are made by Mux.open and Mux's onOpen. */
  constructor(id: number, context: StreamContext, keeper?: Pick<StreamEvents, 'closed'>) {
    this.id = id
    this.#context = context
    this.keeper = keeper
    this.#sender = new StreamSender(id, context.scheduler)
    this.#receiver = new StreamReceiver(id, context)
  }

  /** Resolves once, when nothing of the stream is left. Never rejects. */
  get ended(): Promise<StreamEnd> {
    this.#ended ??= Promise.withResolvers()
    if (this.#end) this.#ended.resolve(this.#end)
    return this.#ended.promise
  }

  /** User bytes that came out of the tunnel. */
  get bytesIn(): number {
    return this.#receiver.bytes
  }

  /** User bytes sent into the tunnel. */
  get bytesOut(): number {
    return this.#sender.bytes
  }

  /** What the peer said last was not answered, or needs no answer. */
  get peerSpokeLast(): boolean {
    return this.#outAtLastIn === this.#sender.bytes
  }

  /** The peer was told something before it had said a word. */
  get peerHeardFirst(): boolean {
    return this.#peerHeardFirst || (this.bytesIn === 0 && this.bytesOut > 0)
  }

  /** The peer says no more. */
  get peerEnded(): boolean {
    return peerEnded(this.#state)
  }

  /** The local program says no more. */
  get localEnded(): boolean {
    return localEnded(this.#state)
  }

  /**
   * Connector: the destination is connected. A program that has spoken already does not wait for OPENED, which then
   * leaves with what the application answers.
   */
  accept(opened: Opened): void {
    if (this.#state === 'over') return
    this.accepted = true
    const when = this.bytesIn > 0 ? 'lazily' : 'now'
    this.#context.scheduler.control(FrameType.OPENED, this.id, encodeOpened(opened), when)
  }

  /**
   * Joins the stream to a socket, both ways, until both have ended; the stream owns the socket from here.
   * The client may attach before OPENED: up to INITIAL_WINDOW bytes travel with the OPEN.
   *
   * @param inOrder Asked at the end of a socket whose end alone does not say how it ended.
   */
  attach(socket: Duplex, inOrder?: () => boolean): void {
    this.#socket = socket
    socket.allowHalfOpen = true
    socket.on('error', this.#onSocketError)
    outliveWrites(socket, (error) => {
      this.#errno = error.code ?? error.message
      if (!this.#go(WRITE_FAILED)) this.#lostSocket(this.#errno)
    })
    // Once, like the end of a socket: a listener that takes itself off costs 200 bytes more.
    socket.on('close', () => {
      // Closed with both directions at their end is no loss, even if some of what was read is still here.
      const inOrder = socket.readableEnded && (socket.writableFinished || this.#receiver.closing)
      if (!inOrder) this.#lostSocket('closed')
    })
    if (this.#state === 'over' || socket.destroyed) {
      this.#lostSocket('closed')
      cutSocket(socket)
      return
    }
    this.#inOrder = inOrder
    this.#sender.attach(socket, this)
    this.guard(() => {
      this.#receiver.attach(socket)
      if (peerEnded(this.#state)) this.#endSocket()
    })
  }

  /** Does something for this session, called from where nobody catches: what it throws ends the session, and no more. */
  guard(work: () => void): void {
    try {
      work()
    } catch (thrown) {
      this.#defect(thrown)
    }
  }

  #defect(thrown: unknown): void {
    this.#context.defect(this.id, thrown)
    this.reset('INTERNAL', asFault(thrown).detail)
  }

  /** Ends both directions now; the peer learns the code, the local socket is reset. */
  reset(code: FaultCode, detail: string): void {
    if (this.#state === 'over') return
    this.#context.scheduler.control(FrameType.RESET, this.id, encodeReset({ code, detail }))
    this.#cut(code, 'local', detail)
  }

  /** UDP: dropped when the tunnel is slow, as UDP is. @throws {RangeError} over MAX_PAYLOAD bytes. */
  sendDatagram(datagram: Buffer): void {
    if (datagram.length > MAX_PAYLOAD) {
      throw new RangeError(
        `Cannot send datagram as it must be <= ${MAX_PAYLOAD} bytes: got ${datagram.length}`,
      )
    }
    const { scheduler } = this.#context
    if (localEnded(this.#state) || scheduler.full) return
    this.#sender.bytes += datagram.length
    scheduler.small(this.#sender.queue, FrameType.DATAGRAM, datagram, datagram.length, false)
  }

  /** UDP: the flow is over, in good order. */
  end(): void {
    if (this.#state === 'over') return
    this.#first ??= 'local'
    this.#sender.end()
    this.#finish('done', this.#first, '')
  }

  // From here on: for the mux.

  /** @throws {Fault} PROTOCOL_ERROR for DATA after FIN or beyond the window. */
  expect(bytes: number): void {
    if (peerEnded(this.#state))
      throw new Fault('PROTOCOL_ERROR', `stream ${this.id} carried DATA after its FIN`)
    this.#receiver.expect(bytes)
  }

  deliver(buffer: Buffer, start: number, end: number, slab: Slab | undefined): void {
    if (this.#state === 'over') return
    if (end > start) this.#noteOrder()
    try {
      if (this.#receiver.deliver(buffer, start, end, slab)) return
      this.reset('SLOW_READER', `${this.#receiver.held} bytes are waiting and are not being read`)
    } catch (thrown) {
      this.#defect(thrown)
    }
  }

  deliverDatagram(payload: Buffer): void {
    if (this.#state === 'over' || !this.onDatagram) return
    this.#noteOrder()
    this.#receiver.countDatagram(payload.length)
    this.guard(() => this.onDatagram?.(Buffer.from(payload)))
  }

  /** Who speaks first, and who last: two comparisons of numbers for each frame. */
  #noteOrder(): void {
    if (this.#outAtLastIn === -1) this.#peerHeardFirst = this.#sender.bytes > 0
    this.#outAtLastIn = this.#sender.bytes
  }

  fin(): void {
    if (this.#state === 'over') return
    this.#go(FIN_RECEIVED)
    this.#first ??= 'remote'
    this.guard(() => {
      if (this.#socket) this.#endSocket()
      else if (this.onDatagram) this.end()
    })
  }

  /** @returns false if there is no FIN that the peer could have taken, or it has said so before. */
  taken(): boolean {
    return this.#go(TAKEN_RECEIVED)
  }

  /** @returns false if the peer promises more than a window can be. */
  credit(bytes: number): boolean {
    this.#credits++
    return this.#state === 'over' || this.#sender.credit(bytes)
  }

  resetByPeer(why: Reset): void {
    if (this.#state === 'over') return
    // The socket at the other end broke: what it had said before came before this frame, and goes on before the reset.
    const broke = why.code === 'APP_RESET' || why.code === 'CLIENT_RESET'
    if (broke && this.#socket) {
      this.#sender.drop()
      this.#receiver.cut()
      this.#finish(why.code, 'remote', why.detail)
    } else this.#cut(why.code, 'remote', why.detail)
  }

  tunnelClosed(why: Fault, by: 'local' | 'remote'): void {
    if (this.#state !== 'over') this.#cut(why.code, by, why.detail)
  }

  /**
   * Looks, from time to time, whether a stream that has ended in one direction still lives in the other.
   *
   * @returns for how many looks nothing has moved since then; which side keeps it open.
   */
  look(): { stillLooks: number; side: 'local' | 'remote' } {
    const moved = this.bytesIn + this.bytesOut + this.#credits - (this.#socket?.writableLength ?? 0)
    const still = moved === this.#moved && this.#state !== 'open/open'
    this.#stillLooks = still ? this.#stillLooks + 1 : 0
    this.#moved = moved
    return { stillLooks: this.#stillLooks, side: keptOpenBy(this.#state) }
  }

  /** The sender has read the socket to its end. */
  socketEnded(): void {
    if (this.#inOrder?.() === false) this.#lostSocket('closed')
    else this.#onSocketEnd()
  }

  /** For the sender: something threw that never should. */
  senderFailed(thrown: unknown): void {
    this.#defect(thrown)
  }

  #onSocketEnd(): void {
    if (isBroken(this.#state)) this.#lostSocket(this.#errno)
    else if (this.#go(FIN_SENT)) {
      this.#first ??= 'local'
      this.#sender.end()
    }
  }

  #endSocket(): void {
    this.#receiver.end(() => this.#deliveredAll())
  }

  #deliveredAll(): void {
    if (this.#state === 'over' || isBroken(this.#state)) return
    this.#context.scheduler.control(FrameType.TAKEN, this.id, NOTHING, 'lazily')
    this.#go(TAKEN_SENT)
  }

  /** @returns whether this may happen in the state that the stream is in. */
  #go(by: Transitions): boolean {
    const next = by[this.#state]
    if (next === undefined) return false
    if (next === 'over') this.#finish('done', this.#first ?? 'local', '')
    else this.#state = next
    return true
  }

  readonly #onSocketError = (error: NodeJS.ErrnoException): void => {
    this.#lostSocket(error.code ?? error.message)
  }

  /** The local socket broke: the peer learns it behind what it had said before. */
  #lostSocket(errno: string): void {
    if (this.#state === 'over') return
    const code = this.#context.role === 'connector' ? 'APP_RESET' : 'CLIENT_RESET'
    this.#sender.reset(encodeReset({ code, detail: errno }))
    if (this.#socket) cutSocket(this.#socket)
    this.#finish(code, 'local', errno)
  }

  /** Both directions end here and now, and what waits is forgotten. */
  #cut(reason: FaultCode, by: StreamEnd['by'], detail: string): void {
    this.#sender.drop()
    if (this.#socket) cutSocket(this.#socket)
    this.#finish(reason, by, detail)
  }

  #finish(reason: StreamEnd['reason'], by: StreamEnd['by'], detail: string): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    const end = { reason, by, detail, bytesOut: this.bytesOut, bytesIn: this.bytesIn }
    this.#end = end
    this.#receiver.close()
    this.#context.forget(this.id)
    this.guard(() => this.keeper?.closed(end))
    this.#ended?.resolve(end)
  }
}

const NOTHING = Buffer.alloc(0)
