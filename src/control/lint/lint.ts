/**
 * Everything in the configuration that will not do what it seems to. Pure: facts in, findings out, in the order of
 * the list below and of names.
 *
 * @module
 */
import type { LintFinding } from '../../api/lint.ts'
import { claimsOf } from './claims.ts'
import { certificatesNearEnd, keysNearEnd } from './expiry.ts'
import type { LintFacts } from './facts.ts'
import { emptyFailover, lonelyGroups, wrongKinds } from './groups.ts'
import { twoLanes } from './lanes.ts'
import { watchedTooMany } from './probes.ts'
import { rulesInVain } from './rules.ts'
import { claimedTwice, hiddenPorts, unmapped } from './segments.ts'
import { groupsAcrossSites } from './sites.ts'
import { topologyOf } from './topology.ts'

export function lint(facts: LintFacts): LintFinding[] {
  const topology = topologyOf(facts)
  const claims = claimsOf(topology.segments)
  return [
    ...unmapped(topology),
    ...wrongKinds(facts, topology),
    ...lonelyGroups(facts, topology),
    ...emptyFailover(facts, topology),
    ...watchedTooMany(facts, topology),
    ...groupsAcrossSites(facts, topology),
    ...twoLanes(facts, claims),
    ...claimedTwice(claims),
    ...hiddenPorts(claims),
    ...rulesInVain(facts),
    ...keysNearEnd(facts),
    ...certificatesNearEnd(facts),
  ]
}

/** Findings in which one of these objects has a part. */
export function concerning(findings: readonly LintFinding[], ids: ReadonlySet<string>): LintFinding[] {
  return findings.filter(({ object, others }) => [object, ...others].some(({ id }) => ids.has(id)))
}
