import type { Duplex } from 'node:stream'
import { Fault, type FaultCode } from '../base/faults.ts'
import type { Opened } from '../wire/open.ts'
import type { StreamEnd } from './options.ts'

/** One user connection inside a tunnel. */
export class MuxStream {
  readonly id: number
  /** UDP: called with each datagram of the peer, as a buffer that the callee may keep. */
  onDatagram: ((datagram: Buffer) => void) | undefined
  /** Resolves once, when nothing of the stream is left. Never rejects. */
  readonly ended: Promise<StreamEnd>

  constructor(id: number) {
    this.id = id
    this.ended = new Promise(() => {})
  }

  /** User bytes that came out of the tunnel. */
  get bytesIn(): number {
    return 0
  }

  /** User bytes sent into the tunnel. */
  get bytesOut(): number {
    return 0
  }

  /** Connector: the destination is connected. */
  accept(_opened: Opened): void {
    throw new Fault('INTERNAL', 'not yet')
  }

  /**
   * Joins the stream to a socket, both ways, until both have ended; the stream owns the socket from here.
   * The client may attach before OPENED: up to INITIAL_WINDOW bytes travel with the OPEN.
   */
  attach(_socket: Duplex): void {
    throw new Fault('INTERNAL', 'not yet')
  }

  reset(_code: FaultCode, _detail: string): void {
    throw new Fault('INTERNAL', 'not yet')
  }

  sendDatagram(_datagram: Buffer): void {
    throw new Fault('INTERNAL', 'not yet')
  }

  /** UDP: the flow is over, in good order. */
  end(): void {
    throw new Fault('INTERNAL', 'not yet')
  }
}
