import { Fault } from '../base/faults.ts'
import { addressBytes } from '../base/ip-address.ts'
import type { Steps } from '../base/slices.ts'
import { canonicalHost } from './destination.ts'
import { networkOf } from './network.ts'
import { Networks } from './networks.ts'
import { PersistentMap } from './persistent-map.ts'
import { merged, minus, type PortRange } from './ports.ts'
import { type PolicyDestination, type PolicySegment, portIn, type SegmentMatch } from './segment.ts'
import { segmentChanges } from './segment-changes.ts'

/** Patterns, networks or segments of an index that were changed one by one, before it is made anew as a whole. */
const MAX_CHANGES = 512

/**
 * Segments by what they name, so that one of ten thousand is found in as many steps as a name has labels, or as there
 * are lengths of networks.
 */
export class SegmentIndex {
  /** All that it was made of. */
  readonly #segments: readonly PolicySegment[]
  /** Enabled segments by pattern, each list by id. */
  readonly #byPattern: PersistentMap<string, PolicySegment[]>
  /** Enabled segments by network, each list by id. */
  readonly #networks: Networks<PolicySegment>
  readonly #byId: PersistentMap<string, PolicySegment>
  readonly #decided = new WeakMap<PolicySegment, ReturnType<SegmentIndex['decidedBy']>>()

  private constructor(
    segments: readonly PolicySegment[],
    byId = new PersistentMap<string, PolicySegment>(),
    byPattern = new PersistentMap<string, PolicySegment[]>(),
    networks = new Networks<PolicySegment>(),
  ) {
    this.#segments = segments
    this.#byId = byId
    this.#byPattern = byPattern
    this.#networks = networks
  }

  /**
   * @param segments Hosts in their canonical form.
   * @throws {Fault} INVALID if a network is malformed.
   */
  static *of(segments: readonly PolicySegment[]): Steps<SegmentIndex> {
    const index = new SegmentIndex(segments)
    for (const segment of [...segments].sort(byId)) {
      index.#add(segment)
      yield
    }
    return index
  }

  /** The same as `of`, made of another where few have changed since: that one stays as it is. */
  static *after(before: SegmentIndex, segments: readonly PolicySegment[]): Steps<SegmentIndex> {
    const { gone, come } = segmentChanges(before.#segments, segments)
    const named = [...gone, ...come].reduce((sum, { hosts, cidrs }) => sum + hosts.length + cidrs.length, 0)
    if (before.#changes + gone.length + come.length + named > MAX_CHANGES)
      return yield* SegmentIndex.of(segments)
    const ids = new Map<string, PolicySegment | undefined>()
    const patterns = new Map<string, PolicySegment[]>()
    const networks = new Map<string, PolicySegment[]>()
    const listsOf = (segment: PolicySegment) => [
      ...segment.hosts.map((one) => changing(patterns, one, before.#byPattern.get(one))),
      ...segment.cidrs.map((one) => changing(networks, one, before.#networks.at(networkOf(one)))),
    ]
    for (const segment of gone) {
      ids.set(segment.id, undefined)
      for (const list of listsOf(segment)) if (list.includes(segment)) list.splice(list.indexOf(segment), 1)
    }
    for (const segment of come) {
      ids.set(segment.id, segment)
      if (!segment.enabled) continue
      for (const list of listsOf(segment)) if (!list.includes(segment)) list.push(segment)
    }
    for (const list of [...patterns.values(), ...networks.values()]) list.sort(byId)
    return new SegmentIndex(
      segments,
      before.#byId.with(ids),
      before.#byPattern.with(patterns),
      before.#networks.with([...networks].map(([cidr, list]) => [networkOf(cidr), list])),
    )
  }

  /** One by one, since it was made as a whole. */
  get #changes(): number {
    return Math.max(this.#byId.changes, this.#byPattern.changes, this.#networks.changes)
  }

  #add(segment: PolicySegment): void {
    this.#byId.set(segment.id, segment)
    if (!segment.enabled) return
    for (const pattern of new Set(segment.hosts)) {
      const list = this.#byPattern.get(pattern)
      if (list === undefined) this.#byPattern.set(pattern, [segment])
      else list.push(segment)
    }
    for (const cidr of new Set(segment.cidrs)) this.#networks.add(networkOf(cidr), segment)
  }

  /** The disabled too. */
  byId(id: string): PolicySegment | undefined {
    return this.#byId.get(id)
  }

  /**
   * @param among Others are as if they were not there.
   * @throws {Fault} BAD_DESTINATION if host or port is not valid.
   */
  find(to: PolicyDestination, among?: (segment: PolicySegment) => boolean): SegmentMatch {
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
    if (exact !== undefined && exact.length > 0) yield exact
    const address = addressBytes(host)
    if (address !== undefined) {
      yield* this.#networks.around(address)
      return
    }
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const wider = this.#byPattern.get(`*${host.slice(dot)}`)
      if (wider !== undefined && wider.length > 0) yield wider
    }
  }
}

/** The list of this key that is being changed: a copy of the one of before. */
function changing(
  lists: Map<string, PolicySegment[]>,
  key: string,
  before: readonly PolicySegment[] = [],
): PolicySegment[] {
  const list = lists.get(key) ?? [...before]
  lists.set(key, list)
  return list
}

function byId(a: PolicySegment, b: PolicySegment): number {
  return a.id < b.id ? -1 : 1
}
