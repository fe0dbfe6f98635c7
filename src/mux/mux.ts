import type tls from 'node:tls'
import { asFault, Fault, type FaultCode } from '../base/faults.ts'
import { checkHeader, FrameType } from '../wire/frame.ts'
import { encodeOpen, encodeReset, type Open } from '../wire/open.ts'
import {
  ByteBudget,
  PROCESS_HELD,
  PROCESS_WINDOWS,
  TUNNEL_HELD_BYTES,
  TUNNEL_WINDOWS_BYTES,
} from './byte-budget.ts'
import { FrameDispatch } from './frame-dispatch.ts'
import { HalfClosedWatch } from './half-closed-watch.ts'
import type { MuxOptions } from './mux-options.ts'
import { SendScheduler } from './send-scheduler.ts'
import { MuxStream } from './stream.ts'
import type { StreamContext } from './stream-context.ts'
import type { StreamEvents } from './stream-end.ts'
import { StreamTable } from './stream-table.ts'
import { TunnelHeartbeat } from './tunnel-heartbeat.ts'
import { TunnelReader } from './tunnel-reader.ts'

const DEFAULT_MAX_STREAMS = 4_096
const MAX_STREAM_ID = 0xffff_ffff
/** Both ends ping this often, so that each hears the other well within the time-out whatever else waits. */
const PING_INTERVAL_MS = 5_000
const PING_TIMEOUT_MS = 10_000
const HALF_CLOSED_MS = 3_600_000
/** How long a closing tunnel waits for the peer to close too. */
const LINGER_MS = 1_000

/** Many streams over one end-to-end TLS session. Owns the socket it is given. */
export class Mux implements AsyncDisposable {
  readonly #socket: tls.TLSSocket
  readonly #options: MuxOptions
  readonly #scheduler: SendScheduler
  readonly #reader: TunnelReader
  readonly #heartbeat: TunnelHeartbeat
  readonly #halfClosed: HalfClosedWatch | undefined
  readonly #context: StreamContext
  readonly #streams: StreamTable
  #closed = false

  /** @param socket Handshake done, peer verified; the mux owns it from here. */
  constructor(socket: tls.TLSSocket, options: MuxOptions) {
    this.#socket = socket
    this.#options = options
    this.#streams = new StreamTable(options.maxStreams ?? DEFAULT_MAX_STREAMS)
    this.#scheduler = new SendScheduler(socket, (why) => this.#broken(why))
    this.#reader = new TunnelReader(socket, {
      // A tunnel may be closed in the middle of a record: what is left of that means nothing.
      receiver: (stream, length, fin) => (this.#closed ? undefined : dispatch.receiver(stream, length, fin)),
      frame: (type, stream, payload) => {
        if (!this.#closed) dispatch.frame(type, stream, payload)
      },
      ended: () => this.#ended(),
      broken: (thrown) => this.#broken(asFault(thrown)),
    })
    const reader = this.#reader
    this.#heartbeat = new TunnelHeartbeat(
      {
        ping: (payload) => this.#scheduler.control(FrameType.PING, 0, payload),
        lost: (why) => this.#lost(why),
        get heard() {
          return reader.reads
        },
      },
      options.pingIntervalMs ?? PING_INTERVAL_MS,
      options.pingTimeoutMs ?? PING_TIMEOUT_MS,
    )
    if (options.role === 'connector') {
      this.#halfClosed = new HalfClosedWatch(
        () => this.#streams.open.values(),
        options.halfClosedMs ?? HALF_CLOSED_MS,
      )
    }
    this.#context = this.#streamContext()
    const dispatch = new FrameDispatch({
      options,
      context: this.#context,
      heartbeat: this.#heartbeat,
      streams: this.#streams,
      tell: (told) => this.#tell(told),
    })
    const broke = (error: NodeJS.ErrnoException) => {
      this.#lost(new Fault('TUNNEL_LOST', error.code ?? error.message, { cause: error }))
    }
    socket.on('error', broke)
    // A TLSSocket made without tls.Server tells of a record that was tampered with only here.
    socket.on('_tlsError', broke)
    socket.once('close', () => this.#lost(new Fault('TUNNEL_LOST', 'the connection closed')))
    this.#reader.start()
  }

  #streamContext(): StreamContext {
    const heartbeat = this.#heartbeat
    return {
      role: this.#options.role,
      scheduler: this.#scheduler,
      windows: new ByteBudget(TUNNEL_WINDOWS_BYTES, PROCESS_WINDOWS),
      held: new ByteBudget(this.#options.maxHeldBytes ?? TUNNEL_HELD_BYTES, PROCESS_HELD),
      get shortestRttUs() {
        return heartbeat.shortestUs
      },
      defect: (stream, thrown) => {
        this.#options.log?.error({ event: 'session.defect', stream, err: thrown }, 'cancelling a session')
      },
      forget: (stream) => this.#streams.forget(stream),
    }
  }

  get streams(): number {
    return this.#streams.open.size
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
    return this.#scheduler.queuedBytes
  }

  /** Client: opens a stream; the OPEN leaves within the next turn, with what the program says first. @throws {Fault} TOO_MANY_STREAMS, TUNNEL_LOST, CONNECTOR_DRAINING. */
  open(open: Open, events: StreamEvents): MuxStream {
    if (this.#closed) throw new Fault('TUNNEL_LOST', 'the tunnel is closed')
    this.#streams.requireRoom()
    if (this.#streams.last === MAX_STREAM_ID)
      throw new Fault('CONNECTOR_DRAINING', 'all stream numbers are used')
    const payload = encodeOpen(open)
    const stream = new MuxStream(++this.#streams.last, this.#context, events)
    this.#streams.open.set(stream.id, stream)
    this.#streams.unanswered.set(stream.id, events)
    this.#scheduler.control(FrameType.OPEN, stream.id, payload, 'next turn')
    return stream
  }

  /** Client: must be sent before the first OPEN that names it. @throws {Fault} PROTOCOL_ERROR if it is too long for a frame. */
  sendGrant(jws: string): void {
    checkHeader(FrameType.GRANT, 0, jws.length, 0)
    this.#scheduler.control(FrameType.GRANT, 0, Buffer.from(jws, 'ascii'))
  }

  /** No new streams from here on; those open go on. */
  goaway(code: FaultCode, detail: string): void {
    this.#streams.draining ??= new Fault(code, detail)
    this.#scheduler.control(FrameType.GOAWAY, 0, encodeReset({ code, detail }))
  }

  /** Round-trip time in microseconds. Rejects with TUNNEL_LOST if the tunnel ends first. */
  ping(): Promise<number> {
    if (this.#closed) return Promise.reject(new Fault('TUNNEL_LOST', 'the tunnel is closed'))
    return this.#heartbeat.ping()
  }

  /** Resets all streams, with this code on both sides, and ends the socket. */
  close(code: FaultCode, detail: string): void {
    if (this.#closed) return
    for (const stream of [...this.#streams.open.values()]) stream.reset(code, detail)
    this.#shut(undefined, new Fault(code, detail), 'local')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close('TUNNEL_LOST', 'the tunnel was closed')
    if (!this.#socket.closed)
      await new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
  }

  #ended(): void {
    if (this.#closed) return
    const { open, draining } = this.#streams
    const inOrder = open.size === 0 && (!draining || draining.code === 'CONNECTOR_DRAINING')
    if (inOrder) this.#shut(undefined, new Fault('TUNNEL_LOST', 'the peer closed the tunnel'), 'remote')
    else this.#lost(draining ?? new Fault('TUNNEL_LOST', 'the peer closed the connection'))
  }

  /** Protocol violation by the peer: it is told so, and the tunnel ends. */
  #broken(why: Fault): void {
    if (this.#closed) return
    this.#options.log?.warn(
      { event: 'tunnel.broken', code: why.code, detail: why.detail },
      'closing a tunnel',
    )
    this.#scheduler.control(FrameType.GOAWAY, 0, encodeReset({ code: why.code, detail: why.detail }))
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
    this.#halfClosed?.[Symbol.dispose]()
    for (const stream of [...this.#streams.open.values()]) stream.tunnelClosed(cause, by)
    this.#reader.close()
    this.#scheduler.flushAndClose()
    const socket = this.#socket
    if (!socket.destroyed) {
      socket.end()
      socket.resume()
      const linger = setTimeout(() => socket.destroy(), LINGER_MS)
      socket.once('end', () => socket.destroy())
      socket.once('close', () => clearTimeout(linger))
      if (socket.readableEnded) socket.destroySoon()
    }
    this.#tell(() => this.#options.onClose?.(told))
  }

  /** Whoever is told something of a tunnel cannot end it by a defect. */
  #tell(told: () => void): void {
    try {
      told()
    } catch (thrown) {
      this.#options.log?.error({ event: 'tunnel.defect', err: thrown }, 'a tunnel resumes')
    }
  }
}
