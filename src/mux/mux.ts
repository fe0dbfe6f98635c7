import type tls from 'node:tls'
import { Fault, type FaultCode } from '../base/faults.ts'
import type { Open } from '../wire/open.ts'
import type { MuxOptions, StreamEvents } from './options.ts'
import type { MuxStream } from './stream.ts'

/** Many streams over one end-to-end TLS session. Owns the socket it is given. */
export class Mux implements AsyncDisposable {
  /** @param _socket Handshake done, peer verified; the mux owns it from here. */
  constructor(_socket: tls.TLSSocket, _options: MuxOptions) {}

  get streams(): number {
    return 0
  }

  /** Smoothed round-trip time in microseconds; 0 until the first PONG. */
  get rttUs(): number {
    return 0
  }

  get closed(): boolean {
    return false
  }

  /** Bytes waiting here for the tunnel. */
  get queuedBytes(): number {
    return 0
  }

  /** Client: opens a stream; the OPEN leaves now. @throws {Fault} TOO_MANY_STREAMS, TUNNEL_LOST, CONNECTOR_DRAINING. */
  open(_open: Open, _events: StreamEvents): MuxStream {
    throw new Fault('INTERNAL', 'not yet')
  }

  sendGrant(_jws: string): void {
    throw new Fault('INTERNAL', 'not yet')
  }

  /** No new streams from here on; those open go on. */
  goaway(_code: FaultCode, _detail: string): void {
    throw new Fault('INTERNAL', 'not yet')
  }

  /** Round-trip time in microseconds. Rejects with TUNNEL_LOST if the tunnel ends first. */
  ping(): Promise<number> {
    throw new Fault('INTERNAL', 'not yet')
  }

  /** Resets all streams and ends the socket. */
  close(_code: FaultCode, _detail: string): void {
    throw new Fault('INTERNAL', 'not yet')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    throw new Fault('INTERNAL', 'not yet')
  }
}
