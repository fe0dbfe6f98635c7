/**
 * What one grant lets through, asked once per session and so made cheap: names and ports before resolving,
 * addresses after it. The second check is what stands between a DNS answer and this network.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Grant } from '../../pki/grant.ts'
import { canonicalHost, inCidrs, isAddress } from '../../policy/destination.ts'
import { DialLimits } from '../../policy/dial-limits.ts'
import { hostMatches, portIn } from '../../policy/segment.ts'
import type { Open } from '../../wire/open.ts'

const MAX_REMEMBERED = 1024

/** What of a grant says where it leads. */
export type ScopeOf = Pick<Grant, 'id' | 'segmentName' | 'hosts' | 'cidrs' | 'addressCidrs' | 'tcp' | 'udp'>

export class GrantScope {
  readonly #grant: ScopeOf
  readonly #names: ReadonlySet<string>
  readonly #patterns: readonly string[]
  readonly #limits: DialLimits
  readonly #covered = new Set<string>()
  /** By identity of the resolver's answer, which is the same array as long as the answer is kept. */
  readonly #checked = new WeakMap<readonly string[], readonly string[]>()

  constructor(grant: ScopeOf) {
    this.#grant = grant
    this.#names = new Set(grant.hosts.filter((host) => !host.startsWith('*')))
    this.#patterns = grant.hosts.filter((host) => host.startsWith('*'))
    // What was asked for (hosts, cidrs) opens no special range; only what the segment says of addresses does.
    this.#limits = new DialLimits(grant.addressCidrs)
  }

  /** @throws {Fault} BAD_DESTINATION or DESTINATION_OUTSIDE_GRANT. */
  check({ host, port, protocol }: Open): void {
    const key = `${protocol}:${port}:${host}`
    if (this.#covered.has(key)) return
    if (canonicalHost(host) !== host) {
      throw new Fault('BAD_DESTINATION', `${host} is not in its canonical form`, { hop: 'connector' })
    }
    const literal = isAddress(host)
    const named =
      this.#names.has(host) ||
      (literal
        ? inCidrs(host, this.#grant.cidrs)
        : this.#patterns.some((pattern) => hostMatches(pattern, host)))
    if (!named || !portIn(this.#grant[protocol], port)) {
      const { id, segmentName } = this.#grant
      throw new Fault(
        'DESTINATION_OUTSIDE_GRANT',
        `${protocol} ${hostPort({ host, port })} is not in segment ${segmentName} as granted`,
        { seen: { grantId: id, segment: segmentName, host, port, protocol } },
      )
    }
    if (this.#covered.size >= MAX_REMEMBERED) this.#covered.clear()
    this.#covered.add(key)
  }

  /**
   * Those of `addresses` that a session to `host` may connect to.
   *
   * @param own Addresses of this machine.
   * @throws {Fault} ADDRESS_FORBIDDEN if none is left.
   */
  allowed(host: string, addresses: readonly string[], own: ReadonlySet<string>): readonly string[] {
    const known = this.#checked.get(addresses)
    if (known !== undefined) return known
    const refused: string[] = []
    const kept = addresses.filter((address) => {
      const why = this.#limits.refusal(host, address, own)
      if (why !== undefined) refused.push(`${address} ${why}`)
      return why === undefined
    })
    if (kept.length === 0) {
      const { segmentName } = this.#grant
      throw new Fault('ADDRESS_FORBIDDEN', `segment ${segmentName}: ${host} is at ${refused.join(', ')}`, {
        seen: { host, segment: segmentName, addresses: refused },
      })
    }
    this.#checked.set(addresses, kept)
    return kept
  }
}
