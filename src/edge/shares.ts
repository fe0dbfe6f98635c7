import { EDGE_SHARES } from '../base/share-table/edge.ts'
import { Pool, type PoolRow, Rate, type RateRow } from '../base/shares.ts'
import type { Ticket } from '../pki/ticket.ts'
import type { Peer } from '../pki/verify.ts'

export interface EdgeShareRows {
  readonly waiting: PoolRow
  readonly pipes: PoolRow
  readonly halves: RateRow
}

/** What all devices share at one edge. Connectors come only when a device asks for it: there it is counted. */
export class EdgeShares {
  readonly #waiting: Pool
  readonly #pipes: Pool
  readonly #halves: Rate

  constructor(rows: EdgeShareRows = EDGE_SHARES) {
    this.#waiting = new Pool(rows.waiting)
    this.#pipes = new Pool(rows.pipes)
    this.#halves = new Rate(rows.halves)
  }

  /** A peer has proved who it is. @throws {Fault} RATE_LIMITED: this device comes too often. */
  came({ identity }: Peer): void {
    if (identity.role === 'client') this.#halves.take(identity.id)
  }

  /** Room for one pipe, which has no half yet. @throws {Fault} RATE_LIMITED: its device has as many as it may. */
  pipe(ticket: Ticket): PipeShare {
    const device = deviceOf(ticket)
    if (device === undefined) return NONE
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

/** Each is called once. */
export interface PipeShare {
  /** It waits no longer, whether it was joined or given up. */
  joined(): void
  /** It is gone. */
  ended(): void
}

const NONE: PipeShare = { joined() {}, ended() {} }

/** Whose pipe it is: the client's of the two. A connector with itself, for its canary, is no device. */
function deviceOf({ side, holder, peer }: Ticket): string | undefined {
  const client = side === 'client' ? holder : peer
  return /\/client\/([^/]+)$/.exec(client)?.[1]
}
