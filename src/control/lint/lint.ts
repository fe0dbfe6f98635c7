/**
 * Everything in the configuration that will not work as it appears to. Pure: facts in, findings out, in the order of
 * the list below and of names.
 *
 * @module
 */
import type { LintFinding } from '../../api/lint.ts'
import type { IdPrefix } from '../../base/ids.ts'
import type { Steps } from '../../base/slices.ts'
import { claimsOf, patternsOf } from './claims.ts'
import { type Concerned, concernedBy, groupsOf } from './concerned.ts'
import { certificatesNearEnd, keysNearEnd } from './expiry.ts'
import type { Findings } from './finding.ts'
import { emptyFailover, lonelyGroups, wrongKinds } from './groups.ts'
import { twoLanes } from './lanes.ts'
import type { LintFacts } from './lint-facts.ts'
import { ownMachine } from './one-machine.ts'
import { rulesInVain } from './rules.ts'
import { claimedTwice, hiddenPorts, unmappedSegments } from './segments.ts'
import { groupsAcrossSites } from './sites.ts'
import { type Chain, enabledChainOf, enabledSegments, type Topology, topologyOf } from './topology.ts'
import { touching } from './touching.ts'
import { unreached } from './unreached.ts'
import { unreadableObjects } from './unreadable.ts'
import { watchedTooMany } from './watched-too-many.ts'

interface LintInput {
  readonly facts: LintFacts
  readonly chain: Chain
  readonly concerned: Concerned
  readonly topology: Topology
  /** Only what these objects have a part in is wanted; more may come. */
  readonly about?: ReadonlySet<string>
}

interface LintCheck {
  /** Of the objects that can have a part in what it finds: where none of them was written, there is nothing new to find. */
  readonly prefixes: readonly IdPrefix[] | 'any'
  find(look: LintInput): Findings
}

const CHECKS: readonly LintCheck[] = [
  { prefixes: 'any', find: ({ facts }) => unreadableObjects(facts) },
  { prefixes: ['seg', 'sgr'], find: ({ concerned, chain }) => unmappedSegments(concerned, chain) },
  { prefixes: ['seg'], find: ({ concerned }) => ownMachine(concerned) },
  {
    prefixes: ['grp', 'sgr', 'con'],
    find: ({ facts, concerned, topology }) => wrongKinds(facts, concerned, topology),
  },
  { prefixes: ['grp', 'seg', 'con'], find: ({ concerned, topology }) => lonelyGroups(concerned, topology) },
  {
    prefixes: ['grp', 'sgr'],
    find: ({ facts, concerned, topology }) => emptyFailover(facts, concerned, topology),
  },
  { prefixes: ['grp', 'seg'], find: ({ concerned, topology }) => watchedTooMany(concerned, topology) },
  {
    prefixes: ['grp', 'con'],
    find: ({ facts, concerned, topology }) => groupsAcrossSites(facts, concerned, topology),
  },
  { prefixes: ['seg', 'obj'], find: claims },
  {
    prefixes: ['rul', 'usr', 'ugr', 'dev', 'seg', 'sgg'],
    find: ({ facts, about }) => rulesInVain(facts, about),
  },
  { prefixes: ['seg', 'rul'], find: ({ facts, chain, about }) => unreached(facts, chain, about) },
  { prefixes: ['key'], find: ({ facts }) => keysNearEnd(facts) },
  { prefixes: ['con', 'edg'], find: ({ facts }) => certificatesNearEnd(facts) },
]

function* claims({ facts, about }: LintInput): Findings {
  const segments = enabledSegments(facts)
  const written = about && segments.filter(({ id }) => about.has(id)).flatMap(patternsOf)
  const laneNames = facts.declared['internet-rule'].flatMap(({ spec }) => spec.domains)
  const claims = yield* claimsOf(segments, written && touching(written, laneNames))
  yield* twoLanes(facts, claims)
  yield* claimedTwice(claims)
  yield* hiddenPorts(claims)
}

/** @param about Only what these objects have a part in is wanted; more may come. */
export function* lint(facts: LintFacts, about?: ReadonlySet<string>): Steps<LintFinding[]> {
  const written = about && new Set([...about].map((id) => id.slice(0, id.indexOf('_')) as IdPrefix))
  const look = lookAt(facts, about)
  const found: LintFinding[] = []
  for (const { prefixes, find } of CHECKS) {
    if (written && prefixes !== 'any' && !prefixes.some((prefix) => written.has(prefix))) continue
    for (const one of find(look)) {
      if (one !== undefined) found.push(one)
      yield
    }
  }
  return found
}

/** What only some checks look at is made when the first does. */
function lookAt(facts: LintFacts, about: ReadonlySet<string> | undefined): LintInput {
  let chain: Chain | undefined
  let concerned: Concerned | undefined
  let topology: Topology | undefined
  return {
    facts,
    about,
    get chain() {
      chain ??= enabledChainOf(facts)
      return chain
    },
    get concerned() {
      concerned ??= concernedBy(facts, this.chain, about)
      return concerned
    },
    get topology() {
      topology ??= topologyOf(facts, this.chain, groupsOf(this.concerned))
      return topology
    },
  }
}

/** Findings in which one of these objects has a part. */
export function concerning(findings: readonly LintFinding[], ids: ReadonlySet<string>): LintFinding[] {
  return findings.filter(({ object, others }) => [object, ...others].some(({ id }) => ids.has(id)))
}
