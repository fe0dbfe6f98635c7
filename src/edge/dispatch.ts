import type net from 'node:net'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/faults.ts'
import { type ArrivalKind, kindOf } from '../link/accept/arrival.ts'
import { peekClientHello } from '../link/accept/client-hello.ts'
import type { Credentials } from '../link/dial/credentials.ts'
import { type ReceivedHalf, receiveHalf } from '../link/pipe/receive-half.ts'
import { shardIn } from '../wire/shard.ts'
import type { EdgeAuthority } from './edge-authority.ts'
import type { Relays } from './relays.ts'
import type { AdmittedHalf, Rendezvous } from './rendezvous.ts'
import type { EdgeShares } from './shares.ts'

export interface DispatchOptions {
  /** Asked at every handshake: they are renewed. */
  readonly credentials: () => Credentials
  readonly authority: EdgeAuthority
  /** That of the control plane. */
  readonly clock: Clock
  readonly rendezvous: Rendezvous
  readonly shares: EdgeShares
  readonly relays: Relays
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
  async take(socket: net.Socket, signal: AbortSignal, only?: ArrivalKind): Promise<ArrivalKind> {
    const { alpn } = await peekClientHello(socket, signal)
    const kind = kindOf(alpn)
    if (only !== undefined && kind !== only) {
      throw new Fault('PROTOCOL_ERROR', `this port is for ${only} connections, not for ${kind}`, {
        hop: 'edge',
      })
    }
    if (kind === 'pipe') await this.#takeHalf(socket, shardIn(alpn), signal)
    else await this.#o.relays.take(kind, socket, signal)
    return kind
  }

  async #takeHalf(socket: net.Socket, shard: number | undefined, signal: AbortSignal): Promise<void> {
    const { authority, rendezvous, shares, credentials } = this.#o
    let admitted: AdmittedHalf | undefined
    let half: ReceivedHalf | undefined
    try {
      half = await receiveHalf(socket, {
        credentials: credentials(),
        ticketKeys: () => authority.ticketKeys(),
        isRevoked: (serial) => authority.isRevoked(serial),
        came: (peer) => shares.came(peer),
        clock: this.#o.clock,
        shard,
        admit: (ticket, peer) => {
          admitted = rendezvous.admit(ticket, peer)
        },
        signal,
      })
    } catch (thrown) {
      if (admitted) rendezvous.leave(admitted)
      throw thrown
    }
    if (half !== undefined) rendezvous.arrive(admitted!, half)
  }
}
