/**
 * Everything in the configuration that will not do what it seems to. Pure: facts in, findings out, in the order of
 * the list below and of names.
 *
 * @module
 */
import type { LintFinding } from '../../api/lint.ts'
import type { IdPrefix } from '../../base/ids.ts'
import type { Steps } from '../../base/slices.ts'
import { claimsOf, patternsOf } from './claims.ts'
import { certificatesNearEnd, keysNearEnd } from './expiry.ts'
import type { LintFacts } from './facts.ts'
import type { Findings } from './finding.ts'
import { emptyFailover, lonelyGroups, wrongKinds } from './groups.ts'
import { twoLanes } from './lanes.ts'
import { ownMachine } from './one-machine.ts'
import { watchedTooMany } from './probes.ts'
import { rulesInVain } from './rules.ts'
import { claimedTwice, hiddenPorts, unmapped } from './segments.ts'
import { groupsAcrossSites } from './sites.ts'
import { type Topology, topologyOf } from './topology.ts'
import { touching } from './touching.ts'
import { unreadableObjects } from './unreadable.ts'

interface Look {
  readonly facts: LintFacts
  readonly topology: Topology
  /** Only what these objects have a part in is wanted; more may come. */
  readonly about?: ReadonlySet<string>
}

interface Check {
  /** Of the objects that can have a part in what it finds: where none of them was written, there is nothing new to find. */
  readonly prefixes: readonly IdPrefix[] | 'any'
  find(look: Look): Findings
}

const CHECKS: readonly Check[] = [
  { prefixes: 'any', find: ({ facts }) => unreadableObjects(facts) },
  { prefixes: ['seg', 'sgr'], find: ({ topology }) => unmapped(topology) },
  { prefixes: ['seg'], find: ({ topology, about }) => ownMachine(topology, about) },
  { prefixes: ['grp', 'sgr', 'con'], find: ({ facts, topology }) => wrongKinds(facts, topology) },
  { prefixes: ['grp', 'seg', 'con'], find: ({ facts, topology }) => lonelyGroups(facts, topology) },
  { prefixes: ['grp', 'sgr'], find: ({ facts, topology }) => emptyFailover(facts, topology) },
  { prefixes: ['grp', 'seg'], find: ({ facts, topology }) => watchedTooMany(facts, topology) },
  { prefixes: ['grp', 'con'], find: ({ facts, topology }) => groupsAcrossSites(facts, topology) },
  { prefixes: ['seg', 'obj'], find: claims },
  {
    prefixes: ['rul', 'usr', 'ugr', 'dev', 'seg', 'sgg'],
    find: ({ facts, about }) => rulesInVain(facts, about),
  },
  { prefixes: ['key'], find: ({ facts }) => keysNearEnd(facts) },
  { prefixes: ['con', 'edg'], find: ({ facts }) => certificatesNearEnd(facts) },
]

function* claims({ facts, topology, about }: Look): Findings {
  const { segments } = topology
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
  let topology: Topology | undefined
  const look: Look = {
    facts,
    about,
    get topology() {
      topology ??= topologyOf(facts)
      return topology
    },
  }
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

/** Findings in which one of these objects has a part. */
export function concerning(findings: readonly LintFinding[], ids: ReadonlySet<string>): LintFinding[] {
  return findings.filter(({ object, others }) => [object, ...others].some(({ id }) => ids.has(id)))
}
