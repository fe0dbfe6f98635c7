import type tls from 'node:tls'
import { asFault, Fault, type FaultCode } from '../base/faults.ts'
import { checkHeader, FrameType } from '../wire/frame.ts'
import { decodeOpen, decodeOpened, decodeReset, encodeOpen, encodeReset, type Open } from '../wire/open.ts'
import { Budget, PROCESS_HELD, PROCESS_WINDOWS, TUNNEL_HELD_BYTES, TUNNEL_WINDOWS_BYTES } from './budget.ts'
import { type FloodGates, floodGates } from './flood-gate.ts'
import { Heartbeat } from './heartbeat.ts'
import { Inlet } from './inlet.ts'
import type { MuxOptions, StreamEvents } from './options.ts'
import { Outbox } from './outbox.ts'
import { MuxStream } from './stream.ts'
import type { Tunnel } from './tunnel.ts'

const DEFAULT_MAX_STREAMS = 4_096
const MAX_STREAM_ID = 0xffff_ffff
/** How long a closing tunnel waits for the peer to close too. */
const LINGER_MS = 1_000

/** Many streams over one end-to-end TLS session. Owns the socket it is given. */
export class Mux implements AsyncDisposable {
  readonly #socket: tls.TLSSocket
  readonly #options: MuxOptions
  readonly #outbox: Outbox
  readonly #inlet: Inlet
  readonly #heartbeat: Heartbeat
  readonly #tunnel: Tunnel
  readonly #streams: Map<number, MuxStream> = new Map()
  /** Client: streams whose OPEN was not answered yet. */
  readonly #unanswered: Map<number, StreamEvents> = new Map()
  /** Connector: streams that were opened and not yet accepted. */
  readonly #gates: FloodGates = floodGates()
  #lastStream = 0
  #draining: Fault | undefined
  #closed = false

  /** @param socket Handshake done, peer verified; the mux owns it from here. */
  constructor(socket: tls.TLSSocket, options: MuxOptions) {
    this.#socket = socket
    this.#options = options
    this.#outbox = new Outbox(socket, (why) => this.#broken(why))
    this.#inlet = new Inlet(socket, {
      receiver: (stream, length, fin) => this.#receiver(stream, length, fin),
      frame: (type, stream, payload) => this.#frame(type, stream, payload),
      ended: () => this.#ended(),
      broken: (thrown) => this.#broken(asFault(thrown)),
    })
    this.#heartbeat = new Heartbeat(
      {
        ping: (payload) => this.#outbox.control(FrameType.PING, 0, payload),
        lost: (why) => this.#lost(why),
      },
      options.pingIntervalMs ?? 10_000,
      options.pingTimeoutMs ?? 10_000,
    )
    this.#tunnel = this.#asTunnel()
    const broke = (error: NodeJS.ErrnoException) => {
      this.#lost(new Fault('TUNNEL_LOST', error.code ?? error.message, { cause: error }))
    }
    socket.on('error', broke)
    // A TLSSocket made without tls.Server tells of a record that was tampered with only here.
    socket.on('_tlsError', broke)
    socket.once('close', () => this.#lost(new Fault('TUNNEL_LOST', 'the connection closed')))
    this.#inlet.start()
  }

  #asTunnel(): Tunnel {
    const heartbeat = this.#heartbeat
    return {
      role: this.#options.role,
      outbox: this.#outbox,
      windows: new Budget(TUNNEL_WINDOWS_BYTES, PROCESS_WINDOWS),
      held: new Budget(this.#options.maxHeldBytes ?? TUNNEL_HELD_BYTES, PROCESS_HELD),
      get shortestRttUs() {
        return heartbeat.shortestUs
      },
      forget: (stream) => {
        this.#streams.delete(stream.id)
        this.#unanswered.delete(stream.id)
      },
    }
  }

  get streams(): number {
    return this.#streams.size
  }

  /** Smoothed round-trip time in microseconds; 0 until the first PONG. */
  get rttUs(): number {
    return this.#heartbeat.rttUs
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Bytes waiting here for the tunnel. */
  get queuedBytes(): number {
    return this.#outbox.queuedBytes
  }

  /** Client: opens a stream; the OPEN leaves now. @throws {Fault} TOO_MANY_STREAMS, TUNNEL_LOST, CONNECTOR_DRAINING. */
  open(open: Open, events: StreamEvents): MuxStream {
    if (this.#closed) throw new Fault('TUNNEL_LOST', 'the tunnel is closed')
    if (this.#draining) throw new Fault('CONNECTOR_DRAINING', this.#draining.detail)
    if (this.#lastStream === MAX_STREAM_ID)
      throw new Fault('CONNECTOR_DRAINING', 'all stream numbers are used')
    this.#refuseBeyondMax()
    const payload = encodeOpen(open)
    const stream = new MuxStream(++this.#lastStream, this.#tunnel, (end) => events.closed(end))
    this.#streams.set(stream.id, stream)
    this.#unanswered.set(stream.id, events)
    this.#outbox.control(FrameType.OPEN, stream.id, payload)
    return stream
  }

  #refuseBeyondMax(): void {
    const max = this.#options.maxStreams ?? DEFAULT_MAX_STREAMS
    if (this.#streams.size >= max)
      throw new Fault('TOO_MANY_STREAMS', `${max} streams are open in this tunnel`)
  }

  /** Client: must be sent before the first OPEN that names it. @throws {Fault} PROTOCOL_ERROR if it is too long for a frame. */
  sendGrant(jws: string): void {
    checkHeader(FrameType.GRANT, 0, jws.length, 0)
    this.#outbox.control(FrameType.GRANT, 0, Buffer.from(jws, 'ascii'))
  }

  /** No new streams from here on; those open go on. */
  goaway(code: FaultCode, detail: string): void {
    this.#draining ??= new Fault(code, detail)
    this.#outbox.control(FrameType.GOAWAY, 0, encodeReset({ code, detail }))
  }

  /** Round-trip time in microseconds. Rejects with TUNNEL_LOST if the tunnel ends first. */
  ping(): Promise<number> {
    if (this.#closed) return Promise.reject(new Fault('TUNNEL_LOST', 'the tunnel is closed'))
    return this.#heartbeat.ping()
  }

  /** Resets all streams, with this code on both sides, and ends the socket. */
  close(code: FaultCode, detail: string): void {
    if (this.#closed) return
    for (const stream of [...this.#streams.values()]) stream.reset(code, detail)
    this.#shut(undefined, new Fault(code, detail), 'local')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close('TUNNEL_LOST', 'the tunnel was closed')
    if (!this.#socket.closed)
      await new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
  }

  #ended(): void {
    if (this.#closed) return
    const inOrder =
      this.#streams.size === 0 && (!this.#draining || this.#draining.code === 'CONNECTOR_DRAINING')
    if (inOrder) this.#shut(undefined, new Fault('TUNNEL_LOST', 'the peer closed the tunnel'), 'remote')
    else this.#lost(this.#draining ?? new Fault('TUNNEL_LOST', 'the peer ended the connection'))
  }

  /** The peer broke the protocol: it is told so, and the tunnel ends. */
  #broken(why: Fault): void {
    if (this.#closed) return
    this.#options.log?.warn(
      { event: 'tunnel.broken', code: why.code, detail: why.detail },
      'closing a tunnel',
    )
    this.#outbox.control(FrameType.GOAWAY, 0, encodeReset({ code: why.code, detail: why.detail }))
    this.#shut(why, why, 'local')
  }

  #lost(why: Fault): void {
    if (this.#closed) return
    this.#shut(why, why, 'remote')
    this.#socket.destroy()
  }

  /** @param told What onClose hears. @param cause What the streams that are left hear. */
  #shut(told: Fault | undefined, cause: Fault, by: 'local' | 'remote'): void {
    this.#closed = true
    this.#heartbeat.stop(cause)
    for (const stream of [...this.#streams.values()]) stream.tunnelClosed(cause, by)
    this.#inlet.close()
    this.#outbox.flushAndClose()
    const socket = this.#socket
    if (!socket.destroyed) {
      socket.end()
      socket.resume()
      const linger = setTimeout(() => socket.destroy(), LINGER_MS)
      socket.once('end', () => socket.destroy())
      socket.once('close', () => clearTimeout(linger))
      if (socket.readableEnded) socket.destroySoon()
    }
    this.#options.onClose?.(told)
  }

  #receiver(id: number, length: number, fin: boolean): MuxStream | undefined {
    if (length === 0 && !fin) this.#gates.emptyData.count()
    const stream = this.#streams.get(id)
    if (stream) stream.expect(length)
    else this.#refuseUnknown(id)
    return stream
  }

  /** Frames for a stream that is over were on their way; for one that never was they are a lie. */
  #refuseUnknown(id: number): void {
    if (id > this.#lastStream)
      throw new Fault('PROTOCOL_ERROR', `a frame came for stream ${id}, never opened`)
  }

  #frame(type: FrameType, id: number, payload: Buffer): void {
    if (id === 0) this.#tunnelFrame(type, payload)
    else if (type === FrameType.OPEN) this.#onOpen(id, payload)
    else {
      const stream = this.#streams.get(id)
      if (stream) this.#streamFrame(type, stream, payload)
      else this.#refuseUnknown(id)
    }
  }

  #streamFrame(type: FrameType, stream: MuxStream, payload: Buffer): void {
    if (type === FrameType.WINDOW) this.#onWindow(stream, payload)
    else if (type === FrameType.OPENED) this.#onOpened(stream.id, payload)
    else if (type === FrameType.RESET) this.#onReset(stream, payload)
    else stream.deliverDatagram(payload)
  }

  #tunnelFrame(type: FrameType, payload: Buffer): void {
    if (type === FrameType.PING) this.#onPing(payload)
    else if (type === FrameType.PONG) this.#outbox.answered(payload) || this.#heartbeat.pong(payload)
    else if (type === FrameType.GRANT) this.#onGrant(payload)
    else this.#onGoaway(payload)
  }

  #onOpen(id: number, payload: Buffer): void {
    this.#gates.opens.count()
    if (this.#options.role !== 'connector') throw new Fault('PROTOCOL_ERROR', 'a connector sent OPEN')
    if (id <= this.#lastStream) throw new Fault('PROTOCOL_ERROR', `OPEN of stream ${id} came out of order`)
    this.#lastStream = id
    const open = decodeOpen(payload)
    const stream = new MuxStream(id, this.#tunnel)
    try {
      this.#refuseBeyondMax()
      if (this.#draining) throw new Fault('CONNECTOR_DRAINING', this.#draining.detail)
    } catch (thrown) {
      const fault = asFault(thrown)
      stream.reset(fault.code, fault.detail)
      return
    }
    this.#streams.set(id, stream)
    this.#options.onOpen?.(stream, open)
  }

  #onOpened(id: number, payload: Buffer): void {
    const events = this.#unanswered.get(id)
    if (!events) throw new Fault('PROTOCOL_ERROR', `OPENED came for stream ${id}, which does not wait for it`)
    this.#unanswered.delete(id)
    events.opened(decodeOpened(payload))
  }

  #onWindow(stream: MuxStream, payload: Buffer): void {
    this.#gates.windows.count()
    const bytes = payload.length === 4 ? payload.readUInt32BE(0) : 0
    if (bytes === 0 || !stream.credit(bytes)) {
      throw new Fault('PROTOCOL_ERROR', `WINDOW of stream ${stream.id} is malformed or too large`)
    }
  }

  #onReset(stream: MuxStream, payload: Buffer): void {
    this.#gates.resets.count()
    if (this.#options.role === 'connector' && !stream.accepted) this.#gates.earlyResets.count()
    stream.resetByPeer(decodeReset(payload))
  }

  #onPing(payload: Buffer): void {
    this.#gates.pings.count()
    if (payload.length !== 8) throw new Fault('PROTOCOL_ERROR', `a PING of ${payload.length} bytes came`)
    this.#outbox.control(FrameType.PONG, 0, payload)
  }

  #onGrant(payload: Buffer): void {
    this.#gates.grants.count()
    if (this.#options.role !== 'connector') throw new Fault('PROTOCOL_ERROR', 'a connector sent GRANT')
    this.#options.onGrant?.(payload.toString('latin1'))
  }

  #onGoaway(payload: Buffer): void {
    const why = decodeReset(payload)
    this.#draining = new Fault(why.code, why.detail)
    this.#options.onGoaway?.(why)
  }
}
