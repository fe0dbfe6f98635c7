import type { Duplex } from 'node:stream'
import { Fault, type FaultCode } from '../base/faults.ts'
import { FrameType, MAX_PAYLOAD } from '../wire/frame.ts'
import { encodeOpened, encodeReset, type Opened, type Reset } from '../wire/open.ts'
import { cutSocket } from './cut-socket.ts'
import type { StreamEnd } from './options.ts'
import type { Slab } from './slab.ts'
import { StreamReceiver } from './stream-receiver.ts'
import { StreamSender } from './stream-sender.ts'
import type { Tunnel } from './tunnel.ts'

/**
 * One user connection inside a tunnel.
 *
 * Each direction ends by itself: the local socket's FIN leaves as FIN, the peer's FIN ends the local socket.
 * With both over the stream is `done`. RESET, from either side, ends both at once, and the local socket with RST.
 */
export class MuxStream {
  readonly id: number
  /** Connector: OPENED was sent. */
  accepted = false
  /** UDP: called with each datagram of the peer, as a buffer that the callee may keep. */
  onDatagram: ((datagram: Buffer) => void) | undefined
  readonly #tunnel: Tunnel
  readonly #sender: StreamSender
  readonly #receiver: StreamReceiver
  #socket: Duplex | undefined
  #finSent = false
  #finReceived = false
  /** Everything the peer sent has reached the local socket. */
  #delivered = false
  /** Which side ended its direction first. */
  #first: 'local' | 'remote' | undefined
  #end: StreamEnd | undefined
  #ended: PromiseWithResolvers<StreamEnd> | undefined
  readonly #onEnd: ((end: StreamEnd) => void) | undefined

  /** Streams are made by Mux.open and Mux's onOpen. */
  constructor(id: number, tunnel: Tunnel, onEnd?: (end: StreamEnd) => void) {
    this.id = id
    this.#tunnel = tunnel
    this.#onEnd = onEnd
    this.#sender = new StreamSender(id, tunnel.outbox)
    this.#receiver = new StreamReceiver(id, tunnel)
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

  /** Connector: the destination is connected. */
  accept(opened: Opened): void {
    if (this.#end) return
    this.accepted = true
    this.#tunnel.outbox.control(FrameType.OPENED, this.id, encodeOpened(opened))
  }

  /**
   * Joins the stream to a socket, both ways, until both have ended; the stream owns the socket from here.
   * The client may attach before OPENED: up to INITIAL_WINDOW bytes travel with the OPEN.
   */
  attach(socket: Duplex): void {
    this.#socket = socket
    socket.allowHalfOpen = true
    socket.on('error', this.#onSocketError)
    socket.once('close', () => {
      // Closed with both directions at their end is no loss, even if some of what was read is still here.
      if (!socket.readableEnded || !socket.writableFinished) this.#lostSocket('closed')
    })
    if (this.#end || socket.destroyed) {
      this.#lostSocket('closed')
      cutSocket(socket)
      return
    }
    this.#sender.attach(socket, () => this.#onSocketEnd())
    this.#receiver.attach(socket)
    if (this.#finReceived) this.#endSocket()
  }

  /** Ends both directions now; the peer learns the code, the local socket is reset. */
  reset(code: FaultCode, detail: string): void {
    if (this.#end) return
    this.#tunnel.outbox.control(FrameType.RESET, this.id, encodeReset({ code, detail }))
    this.#finish(code, 'local', detail)
  }

  /** UDP: dropped when the tunnel is slow, as UDP is. @throws {RangeError} over MAX_PAYLOAD bytes. */
  sendDatagram(datagram: Buffer): void {
    if (datagram.length > MAX_PAYLOAD) {
      throw new RangeError(
        `Cannot send datagram as it must be <= ${MAX_PAYLOAD} bytes: got ${datagram.length}`,
      )
    }
    const { outbox } = this.#tunnel
    if (this.#end || this.#finSent || outbox.full) return
    this.#sender.bytes += datagram.length
    outbox.small(this.#sender.lane, FrameType.DATAGRAM, datagram, datagram.length, false)
  }

  /** UDP: the flow is over, in good order. */
  end(): void {
    this.#onSocketEnd()
    this.#deliveredAll()
  }

  // From here on: for the mux.

  /** @throws {Fault} PROTOCOL_ERROR for DATA after FIN or beyond the window. */
  expect(bytes: number): void {
    if (this.#finReceived) throw new Fault('PROTOCOL_ERROR', `stream ${this.id} carried DATA after its FIN`)
    this.#receiver.expect(bytes)
  }

  deliver(buffer: Buffer, start: number, end: number, slab: Slab | undefined): void {
    if (this.#end || this.#receiver.deliver(buffer, start, end, slab)) return
    this.reset('SLOW_READER', `${this.#receiver.held} bytes wait and are not read`)
  }

  deliverDatagram(payload: Buffer): void {
    if (this.#end || !this.onDatagram) return
    this.#receiver.countDatagram(payload.length)
    this.onDatagram(Buffer.from(payload))
  }

  fin(): void {
    if (this.#end) return
    this.#finReceived = true
    this.#first ??= 'remote'
    if (this.#socket) this.#endSocket()
    else if (this.onDatagram) this.end()
  }

  /** @returns false if the peer promises more than a window can be. */
  credit(bytes: number): boolean {
    return this.#end !== undefined || this.#sender.credit(bytes)
  }

  resetByPeer(why: Reset): void {
    this.#finish(why.code, 'remote', why.detail)
  }

  tunnelClosed(why: Fault, by: 'local' | 'remote'): void {
    this.#finish(why.code, by, why.detail)
  }

  #onSocketEnd(): void {
    if (this.#finSent || this.#end) return
    this.#finSent = true
    this.#first ??= 'local'
    this.#sender.end()
    this.#finishIfDone()
  }

  #endSocket(): void {
    this.#receiver.end(() => this.#deliveredAll())
  }

  #deliveredAll(): void {
    this.#delivered = true
    this.#finishIfDone()
  }

  #finishIfDone(): void {
    if (this.#finSent && this.#delivered) this.#finish('done', this.#first ?? 'local', '')
  }

  readonly #onSocketError = (error: NodeJS.ErrnoException): void => {
    this.#lostSocket(error.code ?? error.message)
  }

  #lostSocket(errno: string): void {
    if (this.#end) return
    const connector = this.#tunnel.role === 'connector'
    this.reset(connector ? 'APP_RESET' : 'CLIENT_RESET', errno)
  }

  #finish(reason: StreamEnd['reason'], by: StreamEnd['by'], detail: string): void {
    if (this.#end) return
    this.#end = { reason, by, detail, bytesOut: this.bytesOut, bytesIn: this.bytesIn }
    if (reason !== 'done') {
      this.#sender.drop()
      if (this.#socket) cutSocket(this.#socket)
    }
    this.#receiver.close()
    this.#tunnel.forget(this)
    this.#onEnd?.(this.#end)
    this.#ended?.resolve(this.#end)
  }
}
