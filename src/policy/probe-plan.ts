/**
 * Which applications a connector is asked to try by itself, and how often. Pure.
 *
 * @module
 */
import { inCidrs, isAddress } from './destination.ts'
import { type PolicySegment, patternRank, portIn } from './segment.ts'

/** One use of an application that policy let through. */
export interface Use {
  readonly segment: string
  readonly host: string
  readonly port: number
  readonly atMs: number
}

export interface PlannedProbe {
  readonly segment: PolicySegment
  readonly host: string
  readonly port: number
  readonly everyMs: number
}

/** Somebody used it this lately: it is worth knowing whether the next will reach it. */
export const AFTER_USE_MS = 1_800_000
const EVERY_MS = 30_000
/** What one connector does in a second, whatever is asked of it. */
export const PER_SECOND = 20
/** Applications that one connector is asked to watch; of more the rest is not looked at. */
export const MAX_PLANNED = 500

/** @param segments Those that the connector serves. @param uses The latest of each application. */
export function planProbes(
  segments: readonly PolicySegment[],
  uses: readonly Use[],
  nowMs: number,
): PlannedProbe[] {
  const found = new Map<string, Omit<PlannedProbe, 'everyMs'>>()
  for (const segment of segments) {
    if (!segment.enabled || segment.health === 'none') continue
    for (const { host, port } of segment.health === 'continuous' ? declared(segment) : []) {
      if (found.size >= MAX_PLANNED) break
      found.set(`${segment.id} ${host} ${port}`, { segment, host, port })
    }
  }
  const byId = new Map(segments.map((segment) => [segment.id, segment]))
  for (const { segment: id, host, port } of [...uses].sort((a, b) => b.atMs - a.atMs)) {
    const segment = byId.get(id)
    if (segment?.enabled !== true || segment.health === 'none' || !covers(segment, host, port)) continue
    found.set(`${id} ${host} ${port}`, { segment, host, port })
  }
  const current = new Set(uses.filter(({ atMs }) => atMs > nowMs - AFTER_USE_MS).map(keyOf))
  const planned = [...found]
    .filter(([key, { segment }]) => segment.health === 'continuous' || current.has(key))
    .map(([, one]) => one)
    .slice(0, MAX_PLANNED)
  const everyMs = Math.max(EVERY_MS, Math.ceil((planned.length / PER_SECOND) * 1000))
  return planned.map((one) => ({ ...one, everyMs }))
}

/** What a segment names without leaving anything open: hosts and single addresses, with each TCP port. */
export function* declared(
  segment: Pick<PolicySegment, 'hosts' | 'cidrs' | 'tcp'>,
): Iterable<{ host: string; port: number }> {
  const addresses = segment.cidrs.flatMap((cidr) => {
    const [address = '', prefix] = cidr.split('/')
    return prefix === undefined || prefix === (address.includes(':') ? '128' : '32') ? [address] : []
  })
  for (const host of [...segment.hosts, ...addresses]) {
    if (host.startsWith('*') && !isAddress(host)) continue
    for (const [first, last] of segment.tcp) for (let port = first; port <= last; port++) yield { host, port }
  }
}

/** What it no longer declares nobody can ask for, and a connector is not ill for not reaching it. */
function covers(segment: PolicySegment, host: string, port: number): boolean {
  const named = segment.hosts.some((pattern) => patternRank(pattern, host) > 0)
  return portIn(segment.tcp, port) && (named || inCidrs(host, segment.cidrs))
}

function keyOf({ segment, host, port }: Use): string {
  return `${segment} ${host} ${port}`
}
