import { Fault } from '../../base/faults.ts'
import { limitKey } from '../../base/ip-address.ts'
import type { EdgeLimits } from './edge-limits.ts'
import { originText, placeOf } from './origin.ts'

/** One address has this many times what is free at most: four parts of five. */
const ADDRESS_WEIGHT = 4

interface Count {
  connections: number
  handshakes: number
}

/** Whom a connection counts for, and how much that may have. */
interface Account {
  readonly key: string
  /** For people. */
  readonly who: string
  readonly connections: number
  readonly handshakes: number
}

/** One connection that was let in. */
export interface Visit {
  /** The handshake is over: the connection no longer counts as unfinished. */
  settled(): void
  /** `edge` says that it is really from this address: it counts for both from now on. @throws {Fault} EDGE_BUSY. */
  isFrom(address: string, edge: string): void
  /** A balancer says that it is really from this address: it counts as if it had come directly. @throws {Fault} EDGE_BUSY. */
  isBehind(address: string): void
  /** The connection is gone, or counts elsewhere. */
  left(): void
}

/** What one remote edge may pass on: of all connections, and unfinished ones as this many addresses. */
const SHARE_OF_EDGE = 1 / 4
const ADDRESSES_OF_EDGE = 4
/** All remote edges together, or all direct connections: each leaves the others room. */
const SHARE_OF_WAY = 3 / 4

/**
 * Counts connections by address, so that one address cannot take the room of all others with handshakes that it
 * never finishes; what a remote edge passes on by the address that it claims and by that edge, so that it takes nothing
 * from whoever has that address, and no more than its share. Costs an entry per address that is connected now, and
 * nothing afterwards.
 */
export class Admission {
  readonly #limits: EdgeLimits
  readonly #direct: number
  readonly #counts = new Map<string, Count>()
  #total: Count = { connections: 0, handshakes: 0 }

  /** @param takesRelays Whether remote edges pass connections on to here: they are then left room. */
  constructor(limits: EdgeLimits, { takesRelays = false } = {}) {
    this.#limits = limits
    this.#direct = takesRelays ? Math.ceil(limits.connections * SHARE_OF_WAY) : limits.connections
  }

  get connections(): number {
    return this.#total.connections
  }

  get handshakes(): number {
    return this.#total.handshakes
  }

  /**
   * @param isBalancer It will say whose connection it is: until then it has no share of its own.
   * @throws {Fault} EDGE_BUSY saying who is at which limit.
   */
  enter(address: string, isBalancer = false): Visit {
    let place = this.#place(isBalancer ? [this.#allDirect] : this.#ofDirect(address))
    const moveTo = (accounts: readonly Account[]) => {
      place.left()
      place = this.#place(accounts)
    }
    return {
      settled: () => place.settled(),
      left: () => place.left(),
      isFrom: (other, edge) => moveTo(this.#ofEdge(other, edge)),
      isBehind: (other) => moveTo(this.#ofDirect(other)),
    }
  }

  get #allDirect(): Account {
    const handshakes = Number.POSITIVE_INFINITY
    return { key: 'direct', who: 'all direct connections', connections: this.#direct, handshakes }
  }

  #ofDirect(address: string): Account[] {
    return [this.#ofAddress(limitKey(address), address), this.#allDirect]
  }

  #ofAddress(key: string, who: string): Account {
    const { connections: all, connectionsPerAddress, handshakesPerAddress: handshakes } = this.#limits
    // Where there is room for few, one address leaves some to others.
    const most = Math.max(1, ADDRESS_WEIGHT * (all - this.#total.connections))
    return { key, who, connections: Math.min(connectionsPerAddress, most), handshakes }
  }

  #ofEdge(address: string, edge: string): Account[] {
    const { connections, handshakesPerAddress } = this.#limits
    const origin = originText(address, edge)
    return [
      this.#ofAddress(placeOf(origin).place, origin),
      {
        key: `edge ${edge}`,
        who: `edge ${edge}`,
        connections: Math.ceil(connections * SHARE_OF_EDGE),
        handshakes: handshakesPerAddress * ADDRESSES_OF_EDGE,
      },
      {
        key: 'edges',
        who: 'all remote edges',
        connections: Math.ceil(connections * SHARE_OF_WAY),
        handshakes: Number.POSITIVE_INFINITY,
      },
    ]
  }

  #place(accounts: readonly Account[]): Pick<Visit, 'settled' | 'left'> {
    const { connections } = this.#limits
    if (this.#total.connections >= connections) throw busy('all together', 'connections', connections)
    const counts = accounts.map(({ key, who, ...most }) => {
      const count = this.#counts.get(key) ?? { connections: 0, handshakes: 0 }
      for (const what of ['connections', 'handshakes'] as const) {
        if (count[what] >= most[what]) throw busy(who, what, most[what])
      }
      return { key, count }
    })
    for (const { key, count } of counts) this.#counts.set(key, count)
    const add = (what: keyof Count, by: 1 | -1) => {
      this.#total[what] += by
      for (const { count } of counts) count[what] += by
    }
    add('connections', 1)
    add('handshakes', 1)
    let unfinished = true
    let here = true
    const settled = () => {
      if (unfinished) add('handshakes', -1)
      unfinished = false
    }
    return {
      settled,
      left: () => {
        if (!here) return
        here = false
        settled()
        add('connections', -1)
        for (const { key, count } of counts) if (count.connections === 0) this.#counts.delete(key)
      },
    }
  }
}

function busy(who: string, what: keyof Count, limit: number): Fault {
  const of = what === 'connections' ? 'connections' : 'incomplete handshakes'
  return new Fault('EDGE_BUSY', `${who}: ${limit} ${of}, and no more are accepted`, {
    hop: 'edge',
    seen: { who, what, limit },
  })
}
