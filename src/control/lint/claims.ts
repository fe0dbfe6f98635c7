/**
 * Which segments claim which names and networks, indexed so that ten thousand of them are looked through in one pass.
 *
 * A claim is one pattern (`wiki.example`, `*.example`, `10.0.0.0/8`) with the segments that name it exactly so: those
 * decide together, and their ports are the ports of the pattern.
 *
 * @module
 */
import { partsOf, type Steps } from '../../base/slices.ts'
import { widerPatterns } from '../../policy/lanes.ts'
import { networkOf } from '../../policy/network.ts'
import { Networks } from '../../policy/networks.ts'
import { merged, minus, type PortRange, parsePorts } from '../../policy/ports.ts'
import type { StoredObject } from '../../store/objects.ts'
import { isNetwork } from './touching.ts'

export type StoredSegment = StoredObject<'segment'>

export interface Claim {
  readonly pattern: string
  /** In the order they are asked. */
  readonly segments: readonly StoredSegment[]
}

export interface Claims {
  readonly all: ReadonlyMap<string, Claim>
  /** Claims of everything that this pattern names, and of more; nearest first. */
  wider(pattern: string): Iterable<Claim>
}

/** @param isWanted Of other patterns there are no claims. */
export function* claimsOf(
  segments: readonly StoredSegment[],
  isWanted: (pattern: string) => boolean = () => true,
): Steps<Claims> {
  const all = new Map<string, { pattern: string; segments: StoredSegment[] }>()
  const add = (pattern: string, segment: StoredSegment) => {
    if (!isWanted(pattern)) return
    const claim = all.get(pattern)
    if (claim === undefined) all.set(pattern, { pattern, segments: [segment] })
    else claim.segments.push(segment)
  }
  const addAll = (segment: StoredSegment) => {
    for (const pattern of segment.spec.domains) add(pattern, segment)
    for (const pattern of segment.spec.cidrs) add(pattern, segment)
  }
  for (const part of partsOf(segments)) {
    yield
    part.forEach(addAll)
  }
  const networks = new Networks<Claim>()
  for (const claim of all.values()) {
    yield
    claim.segments.sort((a, b) => (a.id < b.id ? -1 : 1))
    if (isNetwork(claim.pattern)) networks.add(networkOf(claim.pattern), claim)
  }
  return {
    all,
    *wider(pattern) {
      if (isNetwork(pattern)) {
        const { bytes, prefix } = networkOf(pattern)
        for (const claims of networks.around(bytes, prefix)) yield* claims
        return
      }
      for (const name of widerPatterns(pattern)) {
        const claim = all.get(name)
        if (claim !== undefined) yield claim
      }
    },
  }
}

export function patternsOf({ spec }: StoredSegment): string[] {
  return [...spec.domains, ...spec.cidrs]
}

/** Ports of one protocol that a claim lists, over all of its segments. */
export function portsOf(segments: readonly StoredSegment[], protocol: 'tcp' | 'udp'): PortRange[] {
  const known = PORTS[protocol].get(segments)
  if (known !== undefined) return known
  const ranges = segments.flatMap(({ spec }) => spec[protocol].flatMap((text) => parse(text)))
  const ports = merged(ranges)
  PORTS[protocol].set(segments, ports)
  return ports
}

/** A claim that many segments make is asked for its ports by each claim within it. */
const PORTS = {
  tcp: new WeakMap<readonly StoredSegment[], PortRange[]>(),
  udp: new WeakMap<readonly StoredSegment[], PortRange[]>(),
}

function parse(text: string): PortRange[] {
  const ports = parsePorts(text)
  return ports === undefined ? [] : [ports]
}

export function both(a: readonly PortRange[], b: readonly PortRange[]): PortRange[] {
  return minus(a, minus([[1, 65_535]], b))
}

export function claimPortsText(protocol: 'tcp' | 'udp', ranges: readonly PortRange[]): string {
  const texts = ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
  return `${protocol} ${texts.join(', ')}`
}
