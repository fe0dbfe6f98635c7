/**
 * Do the members of a connector group stand at one site? They are taken for equals: a session goes to the one with
 * the least to do, so members in two cities send half the users the long way round.
 *
 * @module
 */
import type { LintFinding } from '../../api/lint.ts'
import { addressBytes } from '../../policy/address.ts'
import type { LintConnector, LintFacts } from './facts.ts'
import { about, finding } from './finding.ts'
import type { Topology } from './topology.ts'

/** Two members of one site measure the same edge alike; this much apart they are in different places. */
const APART_US = 15_000
/** Closer than this they are at one site, even where two providers give it two public networks. */
const TOGETHER_US = 3000

export function* groupsAcrossSites({ declared }: LintFacts, topology: Topology): Generator<LintFinding> {
  const edges = new Map(declared.edge.map((edge) => [edge.id, edge]))
  const edgeName = (id: string) => edges.get(id)?.name ?? id
  for (const group of declared['connector-group']) {
    const members = topology.members(group.id)
    const evidence = group.spec.enabled ? firstPairApart(members, edgeName) : undefined
    if (evidence === undefined) continue
    yield finding('GROUP_SPANS_SITES', about('connector-group', group), {
      reason: evidence,
      consequence: 'users are sent to either of them by load alone, some of them across sites',
      others: members.map(({ record }) => about('connector', record)),
    })
  }
}

/** What tells the first two members apart that are apart; each is compared with the first. */
function firstPairApart(
  [first, ...others]: readonly LintConnector[],
  edgeName: (id: string) => string,
): string | undefined {
  if (first === undefined) return undefined
  for (const other of others) {
    const evidence = apart(first, other, edgeName)
    if (evidence !== undefined) return evidence
  }
  return undefined
}

function apart(a: LintConnector, b: LintConnector, edgeName: (id: string) => string): string | undefined {
  const measured = farthestApart(a, b)
  if (measured !== undefined && measured.differenceUs >= APART_US) {
    const at = (rttUs: number) => `${Math.round(rttUs / 1000)} ms`
    return (
      `edge ${edgeName(measured.edge)} is ${at(measured.a)} from ${a.record.name} ` +
      `and ${at(measured.b)} from ${b.record.name}`
    )
  }
  if (measured !== undefined && measured.differenceUs <= TOGETHER_US) return undefined
  if (a.address === undefined || b.address === undefined) return undefined
  if (sameNetwork(a.address, b.address) !== false) return undefined
  const unknown = measured === undefined ? '; no edge was measured by both' : ''
  return `${a.record.name} comes from ${a.address} and ${b.record.name} from ${b.address}${unknown}`
}

/** The edge that both reached and that tells most between them. */
function farthestApart(a: LintConnector, b: LintConnector) {
  let most: { edge: string; a: number; b: number; differenceUs: number } | undefined
  for (const [edge, { rttUs }] of a.edges ?? []) {
    const other = b.edges?.get(edge)?.rttUs
    if (rttUs === undefined || other === undefined) continue
    const differenceUs = Math.abs(rttUs - other)
    if (most === undefined || differenceUs > most.differenceUs) {
      most = { edge, a: rttUs, b: other, differenceUs }
    }
  }
  return most
}

/** What providers hand out to one site at the least: a /24, or a /48 of IPv6. */
const SITE_BYTES = { 4: 3, 16: 6 } as const

/** @returns undefined where the two cannot be compared: IPv4 with IPv6, or this machine itself. */
function sameNetwork(a: string, b: string): boolean | undefined {
  const [one, other] = [addressBytes(a), addressBytes(b)]
  if (one === undefined || other === undefined || one.length !== other.length) return undefined
  if (one.length === 4 && (one[0] === 127 || other[0] === 127)) return undefined
  const length = SITE_BYTES[one.length as keyof typeof SITE_BYTES]
  return one.subarray(0, length).every((byte, at) => byte === other[at])
}
