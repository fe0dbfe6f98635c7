/**
 * Which application segment a destination belongs to.
 *
 * The most specific segment wins: exact host, then longest wildcard suffix, then longest network. The winner's ports
 * decide; a wider segment that lists the port is not asked, and the answer says so. Only segments that name the
 * destination exactly alike (the same host, suffix or network) decide together, so that one host may be split by port.
 *
 * @module
 */
import { Fault } from '../base/faults.ts'
import { type AddressBytes, addressBytes, networkHas, networkOf } from './address.ts'
import { canonicalHost, canonicalPattern, isCanonicalHost } from './destination.ts'
import { remember } from './remember.ts'

/** First and last port, both included. */
export type PortRange = readonly [number, number]

export interface PolicySegment {
  readonly id: string
  readonly name: string
  /** Hosts, or `*.suffix`. */
  readonly hosts: readonly string[]
  readonly cidrs: readonly string[]
  readonly tcp: readonly PortRange[]
  readonly udp: readonly PortRange[]
  readonly health: 'continuous' | 'onAccess' | 'none'
  readonly segmentGroup?: string
  readonly serverGroups: readonly string[]
  /** A segment that is not enabled is as if it were not there. */
  readonly enabled: boolean
  /** Addresses allowed after resolution; empty: any but the forbidden ranges. */
  readonly addressCidrs: readonly string[]
}

export interface Destination {
  readonly host: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
}

export type SegmentMatch =
  | { readonly is: 'found'; readonly segment: PolicySegment }
  | { readonly is: 'wrong-port'; readonly segment: PolicySegment }
  | { readonly is: 'not-covered' }

interface Target {
  readonly host: string
  readonly address: AddressBytes | undefined
}

function targetOf(text: string): Target {
  const host = canonicalHost(text)
  return { host, address: addressBytes(host) }
}

/** @throws {Fault} BAD_DESTINATION if host or port is not valid; INVALID if a segment is malformed. */
export function findSegment(segments: readonly PolicySegment[], to: Destination): SegmentMatch {
  const target = targetOf(to.host)
  if (!Number.isInteger(to.port) || to.port < 1 || to.port > 65_535) {
    throw new Fault('BAD_DESTINATION', `${to.port} is not a port`, { seen: { port: to.port } })
  }
  let best = 0
  let winners: PolicySegment[] = []
  for (const segment of segments) {
    const rank = segment.enabled ? specificity(segment, target) : 0
    if (rank === 0 || rank < best) continue
    if (rank > best) winners = []
    best = rank
    winners.push(segment)
  }
  if (winners.length === 0) return { is: 'not-covered' }
  winners.sort((a, b) => (a.id < b.id ? -1 : 1))
  const found = winners.find((segment) => portIn(segment[to.protocol], to.port))
  return found ? { is: 'found', segment: found } : { is: 'wrong-port', segment: winners[0]! }
}

/**
 * `*.example.com` matches names below it at any depth; not itself, not `evil-example.com`, not an address.
 *
 * @param host Canonical; any other spelling matches nothing.
 */
export function hostMatches(pattern: string, host: string): boolean {
  return isCanonicalHost(host) && patternRank(pattern, host) > 0
}

export function portIn(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(([first, last]) => port >= first && port <= last)
}

// Ranks of the three kinds never overlap: networks up to 129, suffixes above, an exact host above all.
const RANK_OF_SUFFIX = 1000
const RANK_OF_HOST = 10_000

/** How closely the segment names the target; 0: not at all. */
function specificity(segment: PolicySegment, { host, address }: Target): number {
  let rank = 0
  for (const pattern of segment.hosts) rank = Math.max(rank, patternRank(pattern, host))
  if (rank > 0 || address === undefined) return rank
  for (const cidr of segment.cidrs) {
    const network = networkOf(cidr)
    if (networkHas(network, address)) rank = Math.max(rank, 1 + network.prefix)
  }
  return rank
}

/** How closely a pattern names a canonical host; 0: not at all. An exact name is above every suffix. */
export function patternRank(pattern: string, host: string): number {
  const canonical = patternOf(pattern)
  if (!canonical.startsWith('*.')) return canonical === host ? RANK_OF_HOST : 0
  const suffix = canonical.slice(1) // with its dot, so that evil-example.com does not end in it
  // No address ends in a suffix: a suffix that ends in a number is no pattern.
  return host.length > suffix.length && host.endsWith(suffix) ? RANK_OF_SUFFIX + suffix.length : 0
}

const patternOf = remember(canonicalPattern)
