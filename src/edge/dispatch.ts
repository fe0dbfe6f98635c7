import type net from 'node:net'
import { Fault } from '../base/faults.ts'
import { type ArrivalKind, kindOf } from '../link/accept/arrival.ts'
import { peekClientHello } from '../link/accept/client-hello.ts'
import { shardIn } from '../wire/shard.ts'
import type { Halves } from './halves.ts'
import type { Relays } from './relays.ts'

/** What a connection has come for. */
export interface Arrival {
  readonly kind: ArrivalKind
  /** Of a half: where it meets the other. */
  readonly shard?: number
}

/** Tells connections apart by the ALPN of their ClientHello and gives them to who serves them. */
export class Dispatch {
  readonly #halves: Halves
  readonly #relays: Relays

  constructor(halves: Halves, relays: Relays) {
    this.#halves = halves
    this.#relays = relays
  }

  /**
   * Reads the ClientHello, which is in `socket` afterwards as it was before.
   *
   * @throws {Fault} what the peer is refused with; the reason of the signal, which is the deadline.
   */
  async look(socket: net.Socket, signal: AbortSignal, only?: ArrivalKind): Promise<Arrival> {
    const { alpn } = await peekClientHello(socket, signal)
    const kind = kindOf(alpn)
    if (only !== undefined && kind !== only) {
      throw new Fault('PROTOCOL_ERROR', `this port is for ${only} connections, not for ${kind}`, {
        hop: 'edge',
      })
    }
    return { kind, shard: kind === 'pipe' ? shardIn(alpn) : undefined }
  }

  /** To the end of the handshake; whoever serves the connection has it then. Throws as `look`. */
  async take(socket: net.Socket, { kind, shard }: Arrival, signal: AbortSignal): Promise<void> {
    if (kind === 'pipe') await this.#halves.take(socket, shard, signal)
    else await this.#relays.take(kind, socket, signal)
  }
}
