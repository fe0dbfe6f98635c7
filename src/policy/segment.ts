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
import { canonicalPattern, isCanonicalHost } from './destination.ts'
import { memoize } from './memoize.ts'
import type { PortRange } from './ports.ts'

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
  /** Why some of it could not be read: what it names is then nobody's. */
  readonly unreadable?: string
}

export interface PolicyDestination {
  readonly host: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
}

export type SegmentMatch =
  | { readonly is: 'found'; readonly segment: PolicySegment }
  | { readonly is: 'wrong-port'; readonly segment: PolicySegment }
  | { readonly is: 'not-covered' }

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

// Ranks of both kinds never overlap: an exact host is above every suffix.
const RANK_OF_SUFFIX = 1000
const RANK_OF_HOST = 10_000

/**
 * How closely a pattern names a canonical host; 0: not at all. An exact name is above every suffix. A pattern that
 * cannot be read names no host: none is spelled like it.
 */
export function patternRank(pattern: string, host: string): number {
  const canonical = patternOf(pattern)
  if (canonical === NO_PATTERN) return 0
  if (!canonical.startsWith('*.')) return canonical === host ? RANK_OF_HOST : 0
  const suffix = canonical.slice(1) // with its dot, so that evil-example.com does not end in it
  // No address ends in a suffix: a suffix that ends in a number is no pattern.
  return host.length > suffix.length && host.endsWith(suffix) ? RANK_OF_SUFFIX + suffix.length : 0
}

const NO_PATTERN = ''

const patternOf = memoize((pattern) => {
  try {
    return canonicalPattern(pattern)
  } catch (thrown) {
    if (thrown instanceof Fault) return NO_PATTERN
    throw thrown
  }
})
