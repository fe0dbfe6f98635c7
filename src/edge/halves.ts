import type net from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { Credentials } from '../link/dial/credentials.ts'
import { type ReceivedHalf, receiveHalf } from '../link/pipe/receive-half.ts'
import type { EdgeAuthority } from './edge-authority.ts'
import type { AdmittedHalf, Rendezvous } from './rendezvous.ts'
import type { PipeShares } from './shares.ts'

export interface HalvesOptions {
  /** Asked at every handshake: they are renewed. */
  readonly credentials: () => Credentials
  readonly authority: Pick<EdgeAuthority, 'ticketKeys' | 'isRevoked'>
  /** That of the control plane. */
  readonly clock: Clock
  readonly rendezvous: Rendezvous
  readonly shares: PipeShares
}

/** Takes halves of pipes, from their ClientHello to the rendezvous: in the edge itself, or in a worker of it. */
export class Halves {
  readonly #o: HalvesOptions

  constructor(options: HalvesOptions) {
    this.#o = options
  }

  /**
   * @param shard That the ClientHello names, where it names one.
   * @throws {Fault} as receiveHalf.
   */
  async take(socket: net.Socket, shard: number | undefined, signal: AbortSignal): Promise<void> {
    const { authority, rendezvous, shares, credentials, clock } = this.#o
    let admitted: AdmittedHalf | undefined
    let half: ReceivedHalf | undefined
    try {
      half = await receiveHalf(socket, {
        credentials: credentials(),
        ticketKeys: () => authority.ticketKeys(),
        isRevoked: (serial) => authority.isRevoked(serial),
        came: (peer) => shares.came(peer),
        ...{ clock, shard, signal },
        admit: (ticket, peer) => {
          admitted = rendezvous.admit(ticket, peer)
          return admitted.granted
        },
      })
    } catch (thrown) {
      if (admitted) rendezvous.leave(admitted)
      throw thrown
    }
    if (half !== undefined) rendezvous.arrive(admitted!, half)
  }
}
