/**
 * Which segments claim which names and networks, indexed so that ten thousand of them are looked through in one pass.
 *
 * A claim is one pattern (`wiki.example`, `*.example`, `10.0.0.0/8`) with the segments that name it exactly so: those
 * decide together, and their ports are the ports of the pattern.
 *
 * @module
 */
import { parsePorts } from '../../api/fields.ts'
import { addressText, masked, networkOf } from '../../policy/address.ts'
import { widerPatterns } from '../../policy/lanes.ts'
import type { PortRange } from '../../policy/segment.ts'
import type { StoredObject } from '../../store/objects.ts'

export type Segment = StoredObject<'segment'>

export interface Claim {
  readonly pattern: string
  readonly segments: readonly Segment[]
}

export interface Claims {
  readonly all: ReadonlyMap<string, Claim>
  /** Claims of everything that this pattern names, and of more; nearest first. */
  wider(pattern: string): Claim[]
}

export function claimsOf(segments: readonly Segment[]): Claims {
  const all = new Map<string, { pattern: string; segments: Segment[] }>()
  for (const segment of segments) {
    for (const pattern of [...segment.spec.domains, ...segment.spec.cidrs]) {
      const claim = all.get(pattern)
      if (claim === undefined) all.set(pattern, { pattern, segments: [segment] })
      else claim.segments.push(segment)
    }
  }
  const lengths = prefixLengths(all.keys())
  const wider = (pattern: string) => {
    const names = pattern.includes('/') ? widerNetworks(pattern, lengths) : widerPatterns(pattern)
    return names.flatMap((name) => all.get(name) ?? [])
  }
  return { all, wider }
}

/** Prefix lengths that are in use, longest first, by the size of an address. */
function prefixLengths(patterns: Iterable<string>): ReadonlyMap<number, number[]> {
  const found = new Map<number, Set<number>>()
  for (const pattern of patterns) {
    if (!pattern.includes('/')) continue
    const { bytes, prefix } = networkOf(pattern)
    const set = found.get(bytes.length) ?? new Set()
    found.set(bytes.length, set.add(prefix))
  }
  return new Map([...found].map(([size, set]) => [size, [...set].sort((a, b) => b - a)]))
}

function widerNetworks(pattern: string, lengths: ReadonlyMap<number, number[]>): string[] {
  const { bytes, prefix } = networkOf(pattern)
  const shorter = (lengths.get(bytes.length) ?? []).filter((length) => length < prefix)
  return shorter.map((length) => `${addressText(masked(bytes, length))}/${length}`)
}

/** Ports of one protocol that a claim lists, over all of its segments. */
export function portsOf(segments: readonly Segment[], protocol: 'tcp' | 'udp'): PortRange[] {
  const ranges = segments.flatMap(({ spec }) => spec[protocol].flatMap((text) => parse(text)))
  return merged(ranges)
}

function parse(text: string): PortRange[] {
  const ports = parsePorts(text)
  return ports === undefined ? [] : [ports]
}

/** In order, none touching another. */
function merged(ranges: readonly PortRange[]): PortRange[] {
  const result: [number, number][] = []
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else result.push([from, to])
  }
  return result
}

/** What of `ranges` is not in `without`; both as `portsOf` gives them. */
export function minus(ranges: readonly PortRange[], without: readonly PortRange[]): PortRange[] {
  return ranges.flatMap(([from, to]) => {
    const left: PortRange[] = []
    let at = from
    for (const [first, last] of without) {
      if (last < at || first > to) continue
      if (first > at) left.push([at, first - 1])
      at = last + 1
    }
    if (at <= to) left.push([at, to])
    return left
  })
}

export function both(a: readonly PortRange[], b: readonly PortRange[]): PortRange[] {
  return minus(a, minus([[1, 65_535]], b))
}

export function portsText(protocol: 'tcp' | 'udp', ranges: readonly PortRange[]): string {
  const texts = ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
  return `${protocol} ${texts.join(', ')}`
}
