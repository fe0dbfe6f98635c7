/** Segments: does each lead anywhere, and is what it lists what users get? */
import { minus } from '../../policy/ports.ts'
import { both, type Claim, type Claims, claimPortsText, portsOf, type StoredSegment } from './claims.ts'
import type { Concerned } from './concerned.ts'
import { about, type Findings, findingAbout, objectNamesOf } from './finding.ts'
import type { Chain } from './topology.ts'

const PROTOCOLS = ['tcp', 'udp'] as const

export function* unmappedSegments({ segments }: Concerned, chain: Chain): Findings {
  for (const segment of segments) {
    yield
    const reason = whyUnmapped(segment, chain)
    if (reason === undefined) continue
    yield findingAbout('SEGMENT_UNMAPPED', about('segment', segment), {
      reason,
      consequence: 'users admitted by policy get SEGMENT_UNMAPPED',
      others: segment.spec.serverGroups.flatMap((id) => {
        const group = chain.serverGroup(id)
        return group === undefined ? [] : about('server-group', group)
      }),
    })
  }
}

function whyUnmapped(segment: StoredSegment, chain: Chain): string | undefined {
  const { serverGroups } = segment.spec
  if (serverGroups.length === 0) return 'it has no server group'
  if (serverGroups.some(chain.leadsOn)) return undefined
  const named = serverGroups.flatMap((id) => chain.serverGroup(id) ?? [])
  const reasons = named.map(({ name, spec }) => {
    if (!spec.enabled) return `server group ${name} is disabled`
    if (spec.connectorGroups.length + spec.failoverConnectorGroups.length === 0)
      return `server group ${name} has no connector group`
    return `every connector group of server group ${name} is disabled`
  })
  return objectNamesOf(reasons)
}

/** Names and networks that two segments claim exactly alike, for the same port: only the older of them is asked. */
export function* claimedTwice(claims: Claims): Findings {
  const pairs = new Map<string, { winner: StoredSegment; loser: StoredSegment; at: string[] }>()
  for (const { pattern, segments } of claims.all.values()) {
    yield
    const [winner, ...losers] = segments
    if (losers.length === 0) continue
    const first = { tcp: portsOf([winner!], 'tcp'), udp: portsOf([winner!], 'udp') }
    for (const loser of losers) {
      const ports = PROTOCOLS.flatMap((protocol) => {
        const common = both(first[protocol], portsOf([loser], protocol))
        return common.length === 0 ? [] : claimPortsText(protocol, common)
      })
      if (ports.length === 0) continue
      const key = `${winner!.id} ${loser.id}`
      const pair = pairs.get(key) ?? { winner: winner!, loser, at: [] }
      pair.at.push(`${pattern} ${ports.join(' ')}`)
      pairs.set(key, pair)
    }
  }
  for (const { winner, loser, at } of pairs.values()) {
    yield
    yield findingAbout('LINT_NAME_IN_TWO_SEGMENTS', about('segment', loser), {
      reason: `segment ${winner.name} also claims ${objectNamesOf(at)}`,
      consequence: `${winner.name} decides there, with its rules and connectors; ${loser.name} is never used`,
      others: [about('segment', winner)],
    })
  }
}

/** Ports that a wider segment lists, and that nobody reaches where a more specific one claims the name. */
export function* hiddenPorts(claims: Claims): Findings {
  const pairs = new Map<
    string,
    { narrow: StoredSegment; wide: StoredSegment; within: string; at: string[] }
  >()
  for (const claim of claims.all.values()) {
    yield
    // The nearest wider claim that loses something: those beyond it are hidden by it already.
    const first = firstHidden(claim, claims.wider(claim.pattern))
    if (first === undefined) continue
    const narrow = claim.segments[0]!
    const key = `${narrow.id} ${first.wide.id} ${first.within}`
    const pair = pairs.get(key) ?? { ...first, narrow, at: [] }
    pair.at.push(claim.pattern)
    pairs.set(key, pair)
  }
  for (const { narrow, wide, within, at } of pairs.values()) {
    yield
    yield findingAbout('LINT_PORT_HIDDEN', about('segment', narrow), {
      reason: `it claims ${objectNamesOf(at)} without ports that segment ${wide.name} lists for ${within}`,
      consequence:
        'users get CLIENT_WRONG_PORT on those ports there: the more specific segment decides alone',
      others: [about('segment', wide)],
    })
  }
}

function firstHidden(claim: Claim, wider: Iterable<Claim>) {
  for (const wide of wider) {
    const hidden = hiddenBy(claim, wide)
    if (hidden !== undefined) return hidden
  }
  return undefined
}

/** Whoever named the same thing in both knows what they did. */
function hiddenBy(claim: Claim, wide: Claim): { wide: StoredSegment; within: string } | undefined {
  const other = wide.segments.find((segment) => !claim.segments.includes(segment))
  if (other === undefined) return undefined
  const ports = PROTOCOLS.flatMap((protocol) => {
    const hidden = minus(portsOf(wide.segments, protocol), portsOf(claim.segments, protocol))
    return hidden.length === 0 ? [] : claimPortsText(protocol, hidden)
  })
  return ports.length === 0 ? undefined : { wide: other, within: `${wide.pattern}: ${ports.join('; ')}` }
}
