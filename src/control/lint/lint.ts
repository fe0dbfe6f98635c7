/**
 * Everything in the configuration that will not do what it seems to. Pure: facts in, findings out, in the order of
 * the list below and of names.
 *
 * @module
 */
import type { LintFinding } from '../../api/lint.ts'
import type { Steps } from '../../base/slices.ts'
import { claimsOf } from './claims.ts'
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
import { topologyOf } from './topology.ts'
import { unreadableObjects } from './unreadable.ts'

/** @param about Only what these objects have a part in is wanted; more may come. */
export function* lint(facts: LintFacts, about?: ReadonlySet<string>): Steps<LintFinding[]> {
  const topology = topologyOf(facts)
  yield
  const { declared } = facts
  const isAbout = (objects: readonly { readonly id: string }[]) =>
    about === undefined || objects.some(({ id }) => about.has(id))
  // Claims are about segments alone: where none was written, there is nothing new to be said of them.
  const ofClaims = isAbout(topology.segments) || isAbout(declared['internet-rule'])
  const claims = yield* claimsOf(ofClaims ? topology.segments : [])
  const rules: Findings[] = [
    unreadableObjects(facts),
    unmapped(topology),
    ownMachine(topology),
    wrongKinds(facts, topology),
    lonelyGroups(facts, topology),
    emptyFailover(facts, topology),
    watchedTooMany(facts, topology),
    groupsAcrossSites(facts, topology),
    twoLanes(facts, claims),
    claimedTwice(claims),
    hiddenPorts(claims),
    rulesInVain(facts, topology, about),
    keysNearEnd(facts),
    certificatesNearEnd(facts),
  ]
  const found: LintFinding[] = []
  for (const rule of rules) {
    for (const one of rule) {
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
