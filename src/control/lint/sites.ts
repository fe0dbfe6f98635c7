/**
 * Do the members of a connector group stand at one site? They are taken for equals: a session goes to the one with
 * the least to do, so members in two cities send half the users the long way round.
 *
 * @module
 */
import { addressBytes } from '../../base/ip-address.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { Concerned } from './concerned.ts'
import { about, type Findings, findingAbout } from './finding.ts'
import { type LintConnector, type LintFacts, standing } from './lint-facts.ts'
import type { Topology } from './topology.ts'

/** Two members of one site measure the same edge alike; this much apart they are in different places. */
const APART_US = 15_000
/** Closer than this they are at one site, even where two providers give it two public networks. */
const TOGETHER_US = 3000
/** An edge this near is in the same city. */
const BESIDE_US = 5000

export function* groupsAcrossSites(
  facts: LintFacts,
  { connectorGroups }: Concerned,
  topology: Topology,
): Findings {
  const edges = new Map(facts.declared.edge.map((edge) => [edge.id, edge]))
  const edgeName = (id: string) => edges.get(id)?.name ?? id
  for (const group of connectorGroups) {
    yield
    const members = topology.members(group.id)
    const evidence = group.spec.enabled ? firstPairApart(members, facts, edgeName) : undefined
    if (evidence === undefined) continue
    yield findingAbout('GROUP_SPANS_SITES', about('connector-group', group), {
      reason: evidence.reason,
      fix: `First check where ${evidence.other} is located: round trips are also long on a busy machine. If it is at another site: create a connector group for that site and add it to the server group; enrol ${evidence.other} again with a key of that group, and only then delete the old one: backstitch delete connector ${evidence.other}`,
      consequence: 'users are sent to either of them based on load alone, some of them across sites',
      others: members.map((member) => about('connector', member)),
    })
  }
}

/** What tells the first two members apart that are apart; each is compared with the first. */
function firstPairApart(
  [first, ...others]: readonly ConnectorRecord[],
  facts: LintFacts,
  edgeName: (id: string) => string,
): { readonly reason: string; readonly other: string } | undefined {
  if (first === undefined) return undefined
  const one = standing(first, facts)
  for (const other of others) {
    const reason = apart(one, standing(other, facts), edgeName)
    if (reason !== undefined) return { reason, other: other.name }
  }
  return undefined
}

function apart(a: LintConnector, b: LintConnector, edgeName: (id: string) => string): string | undefined {
  if (a.isOverloaded || b.isOverloaded) return undefined
  const common = measuredByBoth(a, b)
  const [most] = common
  if (most !== undefined && most.differenceUs >= APART_US) {
    const at = (rttUs: number) => `${Math.round(rttUs / 1000)} ms`
    return (
      `edge ${edgeName(most.edge)} is ${at(most.a)} from ${a.record.name} ` +
      `and ${at(most.b)} from ${b.record.name}`
    )
  }
  if (areTogether(common) || a.address === undefined || b.address === undefined) return undefined
  if (sameNetwork(a.address, b.address) !== false) return undefined
  const unknown = common.length === 0 ? 'no edge was measured by both' : 'round trips do not distinguish them'
  return `${a.record.name} comes from ${a.address} and ${b.record.name} from ${b.address}; ${unknown}`
}

interface Measured {
  readonly edge: string
  readonly a: number
  readonly b: number
  readonly differenceUs: number
}

/** Two cities may be as far from one edge; not from an edge beside them, nor from two. */
function areTogether(common: readonly Measured[]): boolean {
  if (common.length === 0 || common.some(({ differenceUs }) => differenceUs > TOGETHER_US)) return false
  return common.length > 1 || Math.min(common[0]!.a, common[0]!.b) <= BESIDE_US
}

/** Edges that both reached, first the one that tells most between them. */
function measuredByBoth(a: LintConnector, b: LintConnector): Measured[] {
  const common: Measured[] = []
  for (const [edge, measured] of a.edges ?? []) {
    const [one, other] = [shortest(measured), shortest(b.edges?.get(edge))]
    if (one === undefined || other === undefined) continue
    common.push({ edge, a: one, b: other, differenceUs: Math.abs(one - other) })
  }
  return common.sort((one, other) => other.differenceUs - one.differenceUs)
}

/** Load lengthens a round trip, and nothing shortens it. */
function shortest(measured: { readonly rttUs?: number; readonly leastUs?: number } | undefined) {
  return measured?.leastUs ?? measured?.rttUs
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
