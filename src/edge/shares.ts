import { EDGE_SHARES } from '../base/share-table/edge.ts'
import { Pool, type PoolRow, Rate, type RateRow } from '../base/shares.ts'
import type { Ticket } from '../pki/ticket.ts'
import type { Peer } from '../pki/verify.ts'

export interface EdgeShareRows {
  readonly waiting: PoolRow
  readonly pipes: PoolRow
  readonly halves: RateRow
}

/** What all devices share at one edge, as whoever takes halves asks for it. */
export interface PipeShares {
  /** A peer has proved who it is. @throws {Fault} RATE_LIMITED: this device comes too often; or rejects with it. */
  came(peer: Peer): Promise<void> | undefined
  /** Room for one pipe, which has no half yet. @throws {Fault} RATE_LIMITED: its device has as many as it may. */
  pipe(ticket: Ticket): PipeShare
}

/** Each is called once. */
export interface PipeShare {
  /** Rejects where there is no room: said by another process, later. */
  readonly granted?: Promise<void>
  /** It waits no longer, whether it was joined or given up. */
  joined(): void
  /** It is gone. */
  ended(): void
}

/** Connectors come only when a device asks for it: there it is counted. */
export class EdgeShares implements PipeShares {
  readonly #waiting: Pool
  readonly #pipes: Pool
  readonly #halves: Rate

  constructor(rows: EdgeShareRows = EDGE_SHARES) {
    this.#waiting = new Pool(rows.waiting)
    this.#pipes = new Pool(rows.pipes)
    this.#halves = new Rate(rows.halves)
  }

  came({ identity }: Peer): undefined {
    if (identity.role === 'client') this.cameFrom(identity.id)
  }

  cameFrom(device: string): void {
    this.#halves.take(device)
  }

  pipe(ticket: Ticket): PipeShare {
    const device = deviceOf(ticket)
    return device === undefined ? NO_SHARE : this.pipeOf(device)
  }

  pipeOf(device: string): PipeShare {
    const [waiting, pipes] = [this.#waiting, this.#pipes]
    pipes.take(device)
    try {
      waiting.take(device)
    } catch (fault) {
      pipes.give(device)
      throw fault
    }
    return {
      joined: () => waiting.give(device),
      ended: () => pipes.give(device),
    }
  }
}

export const NO_SHARE: PipeShare = { joined() {}, ended() {} }

/** Whose pipe it is: the client's of the two. A connector with itself, for its canary, is no device. */
export function deviceOf({ side, holder, peer }: Ticket): string | undefined {
  const client = side === 'client' ? holder : peer
  return /\/client\/([^/]+)$/.exec(client)?.[1]
}
