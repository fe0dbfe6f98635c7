import { asFault, Fault } from '../base/faults.ts'
import { FrameType } from '../wire/frame.ts'
import { decodeOpen, decodeOpened, decodeReset } from '../wire/open.ts'
import { type FloodGates, floodGates } from './flood-gate.ts'
import type { MuxOptions } from './mux-options.ts'
import { MuxStream } from './stream.ts'
import type { StreamContext } from './stream-context.ts'
import type { StreamTable } from './stream-table.ts'
import type { TunnelHeartbeat } from './tunnel-heartbeat.ts'

export interface FrameDispatchParts {
  readonly options: MuxOptions
  readonly context: StreamContext
  readonly heartbeat: TunnelHeartbeat
  readonly streams: StreamTable
  /** Calls whoever is told something of the tunnel. */
  readonly tell: (told: () => void) => void
}

/**
 * What each frame of the peer does. What the protocol does not allow is thrown and ends the tunnel; what goes wrong in
 * the code that a frame leads to ends its stream.
 */
export class FrameDispatch {
  readonly #o: FrameDispatchParts
  readonly #gates: FloodGates = floodGates()

  constructor(parts: FrameDispatchParts) {
    this.#o = parts
  }

  /** DATA of `length` bytes comes. @returns whom it is for; undefined: nobody any more. */
  receiver(id: number, length: number, fin: boolean): MuxStream | undefined {
    if (length === 0 && !fin) this.#gates.emptyData.count()
    const stream = this.#o.streams.find(id)
    stream?.expect(length)
    return stream
  }

  frame(type: FrameType, id: number, payload: Buffer): void {
    if (id === 0) this.#tunnelFrame(type, payload)
    else if (type === FrameType.OPEN) this.#onOpen(id, payload)
    else {
      const stream = this.#o.streams.find(id)
      if (stream) this.#streamFrame(type, stream, payload)
    }
  }

  #streamFrame(type: FrameType, stream: MuxStream, payload: Buffer): void {
    if (type === FrameType.WINDOW) this.#onWindow(stream, payload)
    else if (type === FrameType.OPENED) this.#onOpened(stream, payload)
    else if (type === FrameType.RESET) this.#onReset(stream, payload)
    else if (type === FrameType.TAKEN) this.#onTaken(stream, payload)
    else stream.deliverDatagram(payload)
  }

  #tunnelFrame(type: FrameType, payload: Buffer): void {
    const { heartbeat, context } = this.#o
    if (type === FrameType.PING) this.#onPing(payload)
    else if (type === FrameType.PONG) context.scheduler.answered(payload) || heartbeat.pong(payload)
    else if (type === FrameType.GRANT) this.#onGrant(payload)
    else this.#onGoaway(payload)
  }

  #onOpen(id: number, payload: Buffer): void {
    const { context, options, streams } = this.#o
    this.#gates.opens.count()
    if (options.role !== 'connector') throw new Fault('PROTOCOL_ERROR', 'a connector sent OPEN')
    if (id <= streams.last) throw new Fault('PROTOCOL_ERROR', `OPEN of stream ${id} arrived out of order`)
    streams.last = id
    const open = decodeOpen(payload)
    const stream = new MuxStream(id, context)
    try {
      streams.requireRoom()
    } catch (thrown) {
      const fault = asFault(thrown)
      stream.reset(fault.code, fault.detail)
      return
    }
    streams.open.set(id, stream)
    stream.guard(() => options.onOpen?.(stream, open))
  }

  #onOpened(stream: MuxStream, payload: Buffer): void {
    const { unanswered } = this.#o.streams
    const { id } = stream
    const events = unanswered.get(id)
    if (!events)
      throw new Fault('PROTOCOL_ERROR', `OPENED arrived for stream ${id}, which is not waiting for it`)
    unanswered.delete(id)
    const opened = decodeOpened(payload)
    stream.guard(() => events.opened(opened))
  }

  #onWindow(stream: MuxStream, payload: Buffer): void {
    this.#gates.windows.count()
    const bytes = payload.length === 4 ? payload.readUInt32BE(0) : 0
    if (bytes === 0 || !stream.credit(bytes)) {
      throw new Fault('PROTOCOL_ERROR', `WINDOW of stream ${stream.id} is malformed or too large`)
    }
  }

  #onTaken(stream: MuxStream, payload: Buffer): void {
    if (payload.length > 0 || !stream.taken()) {
      throw new Fault('PROTOCOL_ERROR', `TAKEN of stream ${stream.id} is malformed or answers no FIN`)
    }
  }

  #onReset(stream: MuxStream, payload: Buffer): void {
    this.#gates.resets.count()
    if (this.#o.options.role === 'connector' && !stream.accepted) this.#gates.earlyResets.count()
    stream.resetByPeer(decodeReset(payload))
  }

  #onPing(payload: Buffer): void {
    this.#gates.pings.count()
    if (payload.length !== 8) throw new Fault('PROTOCOL_ERROR', `a PING of ${payload.length} bytes arrived`)
    this.#o.context.scheduler.control(FrameType.PONG, 0, payload)
  }

  #onGrant(payload: Buffer): void {
    const { options, tell } = this.#o
    this.#gates.grants.count()
    if (options.role !== 'connector') throw new Fault('PROTOCOL_ERROR', 'a connector sent GRANT')
    tell(() => options.onGrant?.(payload.toString('latin1')))
  }

  #onGoaway(payload: Buffer): void {
    const { options, streams, tell } = this.#o
    const why = decodeReset(payload)
    streams.draining = new Fault(why.code, why.detail)
    tell(() => options.onGoaway?.(why))
  }
}
