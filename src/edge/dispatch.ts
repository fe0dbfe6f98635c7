import type net from 'node:net'
import { Fault } from '../base/faults.ts'
import type { EdgeAuthority } from '../link/control-port.ts'
import type { Credentials } from '../link/credentials.ts'
import { type ReceivedHalf, receiveHalf } from '../link/receive-half.ts'
import { peekClientHello } from './client-hello.ts'
import { type Arrival, type Front, kindOf } from './front.ts'
import type { Kind } from './metrics.ts'
import type { Rendezvous, Seat } from './rendezvous.ts'

export interface DispatchOptions {
  /** Asked at every handshake: they are renewed. */
  readonly credentials: () => Credentials
  readonly authority: EdgeAuthority
  readonly rendezvous: Rendezvous
  readonly front: Front
}

/** Tells connections apart by the ALPN of their ClientHello and gives them to who serves them. */
export class Dispatch {
  readonly #o: DispatchOptions

  constructor(options: DispatchOptions) {
    this.#o = options
  }

  /**
   * From the first byte to the end of the handshake; whoever serves the connection has it then.
   *
   * @throws {Fault} what the peer was refused with; the reason of the signal, which is the deadline.
   */
  async take(socket: net.Socket, arrival: Arrival, only?: Kind): Promise<Kind> {
    const { alpn } = await peekClientHello(socket, arrival.signal)
    const kind = kindOf(alpn)
    if (only !== undefined && kind !== only) {
      throw new Fault('PROTOCOL_ERROR', `this port is for ${only} connections, not for ${kind}`, {
        hop: 'edge',
      })
    }
    if (kind === 'pipe') await this.#takeHalf(socket, arrival.signal)
    else await this.#o.front.take(kind, socket, arrival)
    return kind
  }

  async #takeHalf(socket: net.Socket, signal: AbortSignal): Promise<void> {
    const { authority, rendezvous, credentials } = this.#o
    let seat: Seat | undefined
    let half: ReceivedHalf | undefined
    try {
      half = await receiveHalf(socket, {
        credentials: credentials(),
        ticketKeys: () => authority.ticketKeys(),
        isRevoked: (serial) => authority.isRevoked(serial),
        admit: (ticket, peer) => {
          seat = rendezvous.admit(ticket, peer)
        },
        signal,
      })
    } catch (thrown) {
      if (seat) rendezvous.leave(seat)
      throw thrown
    }
    if (half !== undefined) rendezvous.arrive(seat!, half)
  }
}
