/**
 * A thread that reads the tables of sockets: with ten thousand connections that takes milliseconds, which nobody whose
 * bytes are on their way should wait for.
 *
 * @module
 */
import { parentPort } from 'node:worker_threads'
import { type Endpoint, ownersOfTcp, ownersOfUdp, type SocketOwner } from './socket-table.ts'

export interface OwnersAsked {
  readonly tcp: readonly (readonly [near: Endpoint, far: Endpoint])[]
  readonly udp: readonly number[]
}

export interface OwnersFound {
  readonly tcp: ReadonlyMap<string, SocketOwner>
  readonly udp: ReadonlyMap<number, readonly SocketOwner[]>
  /** Why nothing could be read. */
  readonly errno?: string
}

function look({ tcp, udp }: OwnersAsked): OwnersFound {
  try {
    return { tcp: ownersOfTcp(tcp), udp: udp.length === 0 ? new Map() : ownersOfUdp(udp) }
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
    return { tcp: new Map(), udp: new Map(), errno }
  }
}

parentPort!.on('message', (asked: OwnersAsked) => parentPort!.postMessage(look(asked)))
