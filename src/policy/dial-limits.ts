import { canonicalHost, inCidrs } from './destination.ts'
import { networkPartsOf, specialNetworks } from './meant-networks.ts'
import { carriedV4, isForbiddenAddress, isNamed, whatIsSpecial } from './special-address.ts'

/**
 * Which addresses may be dialled for a segment, in a session, a probe or an examination alike: what stands between the
 * answer of a resolver and this network.
 */
export class DialLimits {
  /** What the segment says of addresses; empty: any but special ones. */
  readonly #networks: readonly string[]
  /** Those that lie inside a special range: it means them. */
  readonly #explicit: readonly string[]
  /** Single addresses: the only way to name an address of the connector itself. */
  readonly #single: ReadonlySet<string>

  /** @param networks What meantNetworks gives: what was asked for opens no special range. */
  constructor(networks: readonly string[]) {
    this.#networks = networks
    this.#explicit = specialNetworks(networks)
    const single = networks.map(networkPartsOf).filter(({ whole }) => whole)
    this.#single = new Set(single.map(({ base }) => base))
  }

  /**
   * Why a session to `host` is not connected to `address`, in parentheses and with what would change that; undefined if
   * it may be.
   *
   * @param own Addresses of this machine.
   */
  refusal(host: string, address: string, own: ReadonlySet<string>): string | undefined {
    if (address !== host && this.#networks.length > 0 && !inCidrs(address, this.#networks)) {
      return `(outside ${this.#networks.join(', ')})`
    }
    if (isForbiddenAddress(address)) {
      return isNamed(address, this.#explicit)
        ? undefined
        : `(${whatIsSpecial(address)}; the segment reaches it if ${fieldOf(host, address)} names it)`
    }
    // A resolver may answer ::ffff:10.0.0.5, which is a way to 10.0.0.5.
    const plain = canonicalHost(address)
    if (own.has(plain) || own.has(carriedV4(address) ?? plain))
      return this.#single.has(plain) ? undefined : '(the connector itself)'
    return undefined
  }
}

/** Where a segment says it: of a name, where it may lead; of an address, that it is one of its own. */
function fieldOf(host: string, address: string): 'addressCidrs' | 'cidrs' {
  return host === address ? 'cidrs' : 'addressCidrs'
}
