import net from 'node:net'
import type { EdgeLimits } from './limits.ts'

interface Count {
  connections: number
  handshakes: number
}

/** One connection that was let in. */
export interface Visit {
  /** The handshake is over: the connection no longer counts as unfinished. */
  settled(): void
  /** It is really from this address: it counts there from now on. @returns false when that is at a limit. */
  isFrom(address: string): boolean
  /** The connection is gone. Call once. */
  left(): void
}

/**
 * Counts connections by address, so that one address cannot take the room of all others with handshakes that it
 * never finishes. Costs an entry per address that is connected now, and nothing afterwards.
 */
export class Admission {
  readonly #limits: EdgeLimits
  readonly #byAddress = new Map<string, Count>()
  #total: Count = { connections: 0, handshakes: 0 }

  constructor(limits: EdgeLimits) {
    this.#limits = limits
  }

  get connections(): number {
    return this.#total.connections
  }

  get handshakes(): number {
    return this.#total.handshakes
  }

  /** @returns undefined when the address, or the edge, is at a limit. */
  enter(address: string): Visit | undefined {
    let place = this.#place(address)
    if (place === undefined) return undefined
    return {
      settled: () => place?.settled(),
      left: () => place?.left(),
      isFrom: (other) => {
        place?.left()
        place = this.#place(other)
        return place !== undefined
      },
    }
  }

  #place(address: string): Pick<Visit, 'settled' | 'left'> | undefined {
    const key = addressKey(address)
    const count = this.#byAddress.get(key) ?? { connections: 0, handshakes: 0 }
    const { connections, connectionsPerAddress, handshakesPerAddress } = this.#limits
    if (
      this.#total.connections >= connections ||
      count.connections >= connectionsPerAddress ||
      count.handshakes >= handshakesPerAddress
    ) {
      return undefined
    }
    this.#byAddress.set(key, count)
    const total = this.#total
    const add = (what: keyof Count, by: 1 | -1) => {
      count[what] += by
      total[what] += by
    }
    add('connections', 1)
    add('handshakes', 1)
    let unfinished = true
    const settled = () => {
      if (unfinished) add('handshakes', -1)
      unfinished = false
    }
    return {
      settled,
      left: () => {
        settled()
        add('connections', -1)
        if (count.connections === 0) this.#byAddress.delete(key)
      },
    }
  }
}

/** IPv4 as it is, also when mapped into IPv6; of IPv6 the /64, which is what one machine is given. */
export function addressKey(address: string): string {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (v4 !== undefined) return v4
  if (!net.isIPv6(address)) return address
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : 8 - front.length - back.length
  const groups = [...front, ...Array<string>(gap).fill('0'), ...back]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
