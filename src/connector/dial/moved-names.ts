import net from 'node:net'
import { rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'

const MAX_KNOWN = 4096
const MAX_NOTED = 32

interface Worked {
  readonly address: string
  /** Unix time of the last connection. */
  atMs: number
}

/**
 * Where names of applications led when a connection stood. One that leads elsewhere since, and nowhere, is a record that
 * was changed: neither the application nor the network is the first thing to look at.
 */
export class MovedNames {
  readonly #worked = new Map<string, Worked>()
  readonly #moved = new Map<string, Fault>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
  }

  worked(host: string, address: string): void {
    if (net.isIP(host) !== 0) return
    this.#moved.delete(host)
    const known = this.#worked.get(host)
    if (known?.address === address) {
      known.atMs = this.#nowMs()
      return
    }
    this.#worked.delete(host)
    if (this.#worked.size >= MAX_KNOWN) this.#worked.delete(this.#worked.keys().next().value!)
    this.#worked.set(host, { address, atMs: this.#nowMs() })
  }

  /** @param addresses Those that were tried. */
  failed(host: string, addresses: readonly string[]): void {
    const known = this.#worked.get(host)
    if (known === undefined || addresses.includes(known.address)) {
      this.#moved.delete(host)
      return
    }
    if (this.#moved.has(host) || this.#moved.size >= MAX_NOTED) return
    const until = rfc3339(known.atMs)
    const now = addresses.join(', ')
    this.#moved.set(
      host,
      new Fault(
        'APP_NAME_WRONG_VIEW',
        `${host} resolved to ${known.address}, which answered until ${until}; it now resolves to ${now}, which does not answer`,
        { seen: { name: host, before: known.address, until, now: [...addresses] } },
      ),
    )
  }

  /** APP_NAME_WRONG_VIEW of each name that was moved, and is not reached since. */
  get notes(): Fault[] {
    return [...this.#moved.values()]
  }
}
