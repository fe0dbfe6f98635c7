import { Fault } from '../base/faults.ts'
import type { Steps } from '../base/slices.ts'
import { addressBytes, networkOf } from './address.ts'
import { canonicalHost } from './destination.ts'
import { Networks } from './networks.ts'
import { merged, minus, type PortRange } from './ports.ts'
import { type Destination, type PolicySegment, portIn, type SegmentMatch } from './segment.ts'

/**
 * Segments by what they name, so that one of ten thousand is found in as many steps as a name has labels, or as there
 * are lengths of networks.
 */
export class SegmentIndex {
  /** Enabled segments by pattern, each list by id. */
  readonly #byPattern = new Map<string, PolicySegment[]>()
  /** Enabled segments by network. */
  readonly #networks = new Networks<PolicySegment>()
  readonly #byId = new Map<string, PolicySegment>()
  readonly #decided = new WeakMap<PolicySegment, ReturnType<SegmentIndex['decidedBy']>>()

  /**
   * @param segments Hosts in their canonical form.
   * @throws {Fault} INVALID if a network is malformed.
   */
  static *of(segments: readonly PolicySegment[]): Steps<SegmentIndex> {
    const index = new SegmentIndex()
    for (const segment of [...segments].sort((a, b) => (a.id < b.id ? -1 : 1))) {
      index.#add(segment)
      yield
    }
    return index
  }

  #add(segment: PolicySegment): void {
    this.#byId.set(segment.id, segment)
    if (!segment.enabled) return
    for (const pattern of new Set(segment.hosts)) push(this.#byPattern, pattern, segment)
    for (const cidr of new Set(segment.cidrs)) {
      this.#networks.add(networkOf(cidr), segment)
    }
  }

  /** The disabled too. */
  byId(id: string): PolicySegment | undefined {
    return this.#byId.get(id)
  }

  /**
   * @param among Others are as if they were not there.
   * @throws {Fault} BAD_DESTINATION if host or port is not valid.
   */
  find(to: Destination, among?: (segment: PolicySegment) => boolean): SegmentMatch {
    const host = canonicalHost(to.host)
    if (!Number.isInteger(to.port) || to.port < 1 || to.port > 65_535) {
      throw new Fault('BAD_DESTINATION', `${to.port} is not a port`, { seen: { port: to.port } })
    }
    const winners = among === undefined ? this.#namedBy(host) : this.#namedAmong(host, among)
    if (winners === undefined) return { is: 'not-covered' }
    const found = winners.find((segment) => portIn(segment[to.protocol], to.port))
    return found ? { is: 'found', segment: found } : { is: 'wrong-port', segment: winners[0]! }
  }

  /**
   * Ports that the segment decides at this host: of those it lists, none that another one lists which names the host
   * as closely and is asked first. None if others name the host more closely.
   *
   * @param host Canonical.
   */
  portsAt(host: string, segment: PolicySegment): { tcp: PortRange[]; udp: PortRange[] } {
    const winners = this.#namedBy(host) ?? []
    const place = winners.findIndex(({ id }) => id === segment.id)
    const of = (protocol: 'tcp' | 'udp') =>
      place < 0
        ? []
        : minus(merged(segment[protocol]), merged(winners.slice(0, place).flatMap((one) => one[protocol])))
    return { tcp: of('tcp'), udp: of('udp') }
  }

  /** Of the names and networks of an enabled segment those at which it decides any port. Found out once. */
  decidedBy(segment: PolicySegment): {
    readonly hosts: readonly string[]
    readonly cidrs: readonly string[]
  } {
    const known = this.#decided.get(segment)
    if (known !== undefined) return known
    const decided = {
      hosts: segment.hosts.filter((host) => this.#decidesAt(host.replace('*', 'x'), segment)),
      cidrs: segment.cidrs.filter((cidr) => this.#decidesAt(cidr.split('/')[0]!, segment)),
    }
    this.#decided.set(segment, decided)
    return decided
  }

  #decidesAt(host: string, segment: PolicySegment): boolean {
    const isFirst = this.#namedBy(host)?.[0]?.id === segment.id
    const { tcp, udp } = isFirst ? segment : this.portsAt(host, segment)
    return tcp.length + udp.length > 0
  }

  /** Those that name a canonical host most closely. */
  #namedBy(host: string): readonly PolicySegment[] | undefined {
    for (const segments of this.#naming(host)) return segments
    return undefined
  }

  #namedAmong(
    host: string,
    among: (segment: PolicySegment) => boolean,
  ): readonly PolicySegment[] | undefined {
    for (const segments of this.#naming(host)) {
      const some = segments.filter(among)
      if (some.length > 0) return some
    }
    return undefined
  }

  /** Those that name a canonical host alike, the closest first. */
  *#naming(host: string): Generator<readonly PolicySegment[]> {
    const exact = this.#byPattern.get(host)
    if (exact !== undefined) yield exact
    const address = addressBytes(host)
    if (address !== undefined) {
      yield* this.#networks.around(address)
      return
    }
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const wider = this.#byPattern.get(`*${host.slice(dot)}`)
      if (wider !== undefined) yield wider
    }
  }
}

function push<Key>(lists: Map<Key, PolicySegment[]>, key: Key, segment: PolicySegment): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [segment])
  else list.push(segment)
}
