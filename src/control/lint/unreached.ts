import type { StoredSegment } from '../../control/lint/claims.ts'
import type { StoredRule } from '../../control/lint/rule-comparison.ts'
import { about as aboutObject, type Findings, findingAbout, objectNamesOf } from './finding.ts'
import type { LintFacts } from './lint-facts.ts'
import { populationsOf } from './populations.ts'
import type { Chain } from './topology.ts'

/** Segments that no rule in effect allows to anybody. Of one that leads nowhere that is said, and is to be mended first. */
export function* unreached(facts: LintFacts, chain: Chain, about?: ReadonlySet<string>): Findings {
  const allowing = facts.declared['access-rule'].filter(({ spec }) => spec.action === 'allow')
  yield
  const segments = about === undefined ? chain.segments : concerned(chain, allowing, about)
  if (segments.length === 0) return
  const { emptyCondition } = populationsOf(facts)
  const isInEffect = ({ spec }: StoredRule) => spec.enabled && emptyCondition(spec.conditions) === undefined
  const isOnAll = ({ spec: { conditions } }: StoredRule) => !conditions.segments && !conditions.segmentGroups
  if (allowing.some((rule) => isOnAll(rule) && isInEffect(rule))) return
  yield
  const rulesOn = rulesBySegment(allowing, about && segments)
  for (const segment of segments) {
    yield
    const meant = rulesOn(segment)
    if (meant.some(isInEffect) || !segment.spec.serverGroups.some(chain.leadsOn)) continue
    const names = objectNamesOf(meant.map(({ name }) => name))
    yield findingAbout('POLICY_DENIED', aboutObject('segment', segment), {
      reason:
        meant.length === 0
          ? 'no access rule allows it'
          : `what would allow it is disabled or never matches: rule ${names}`,
      consequence: 'it cannot be reached: users get POLICY_DENIED',
      fix:
        meant.length === 0
          ? `Write an access rule with action: allow and ${segment.name} in conditions.segments.`
          : 'Enable that rule, or correct its conditions.',
      others: meant.map((rule) => aboutObject('access-rule', rule)),
    })
  }
}

/** Segments that were written, and those that a rule names which was. */
function concerned(
  { segments }: Chain,
  allowing: readonly StoredRule[],
  about: ReadonlySet<string>,
): readonly StoredSegment[] {
  const written = allowing.filter(({ id }) => about.has(id))
  const named = new Set(
    written.flatMap(({ spec: { conditions } }) => [
      ...(conditions.segments ?? []),
      ...(conditions.segmentGroups ?? []),
    ]),
  )
  return segments.filter(
    ({ id, spec }) =>
      about.has(id) || (named.size > 0 && (named.has(id) || named.has(spec.segmentGroup ?? ''))),
  )
}

/** Rules that name it or its group. @param wanted Of other segments nothing is asked. */
function rulesBySegment(
  rules: readonly StoredRule[],
  wanted?: readonly StoredSegment[],
): (segment: StoredSegment) => readonly StoredRule[] {
  const ids = wanted && new Set(wanted.flatMap(keysOf))
  const filed = new Map<string, StoredRule[]>()
  for (const rule of rules) {
    const { segments, segmentGroups } = rule.spec.conditions
    for (const id of segments ?? segmentGroups ?? []) {
      if (ids?.has(id) === false) continue
      const list = filed.get(id)
      if (list === undefined) filed.set(id, [rule])
      else list.push(rule)
    }
  }
  return (segment) =>
    keysOf(segment)
      .flatMap((key) => filed.get(key) ?? [])
      .filter((rule) => isOn(rule, segment))
}

function keysOf({ id, spec: { segmentGroup } }: StoredSegment): string[] {
  return segmentGroup === undefined ? [id] : [id, segmentGroup]
}

function isOn({ spec: { conditions } }: StoredRule, { id, spec: { segmentGroup } }: StoredSegment): boolean {
  const { segments, segmentGroups } = conditions
  return (
    (segments === undefined || segments.includes(id)) &&
    (segmentGroups === undefined || (segmentGroup !== undefined && segmentGroups.includes(segmentGroup)))
  )
}
