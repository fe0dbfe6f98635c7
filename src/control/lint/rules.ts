/** Access rules that do not do what their author thought: those that match nobody, and those that are never reached. */
import type { LintFinding } from '../../api/lint.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { LintFacts } from './facts.ts'
import { about, finding } from './finding.ts'
import { populationsOf } from './populations.ts'
import { covers } from './rule-cover.ts'

type Rule = StoredObject<'access-rule'>

export function* rulesInVain(facts: LintFacts): Generator<LintFinding> {
  const populations = populationsOf(facts)
  const rules = facts.declared['access-rule'].filter(({ spec }) => spec.enabled).sort(byOrder)
  const earlier = earlierRules(facts)
  for (const rule of rules) {
    const empty = populations.emptyCondition(rule.spec.conditions)
    if (empty !== undefined) {
      yield finding('LINT_RULE_NEVER_MATCHES', about('access-rule', rule), {
        reason: `${empty.condition}: ${empty.reason}`,
        consequence: `it ${rule.spec.action === 'allow' ? 'allows' : 'denies'} nobody anything`,
        others: empty.others,
      })
      continue
    }
    const before = earlier
      .near(rule)
      .find((other) => covers(other.spec.conditions, rule.spec.conditions, populations))
    earlier.add(rule)
    if (before === undefined) continue
    const same = before.spec.action === rule.spec.action
    yield finding('LINT_RULE_SHADOWED', about('access-rule', rule), {
      reason: `rule ${before.name} (order ${before.spec.order}) matches whenever this one (order ${rule.spec.order}) does, and is asked first`,
      consequence: same
        ? `it has no effect: ${before.name} says ${before.spec.action} already`
        : `it never says ${rule.spec.action}: ${before.name} has said ${before.spec.action} before`,
      others: [about('access-rule', before)],
    })
  }
}

/** As policy/decide.ts asks them. */
function byOrder(a: Rule, b: Rule): number {
  return a.spec.order - b.spec.order || (a.id < b.id ? -1 : 1)
}

/**
 * Rules seen so far, by what they are about: ten thousand rules of ten thousand applications are not each compared
 * with all the others.
 */
function earlierRules({ declared }: LintFacts) {
  const by = new Map<string, Rule[]>()
  const groupOf = new Map(declared.segment.map(({ id, spec }) => [id, spec.segmentGroup]))
  return {
    add(rule: Rule): void {
      const { segments, segmentGroups } = rule.spec.conditions
      for (const id of segments ?? segmentGroups ?? [EVERYTHING]) {
        const list = by.get(id)
        if (list === undefined) by.set(id, [rule])
        else list.push(rule)
      }
    },
    /** Those that could be about all that `rule` is about. */
    near(rule: Rule): Rule[] {
      const segment = rule.spec.conditions.segments?.[0]
      const group = segment === undefined ? undefined : groupOf.get(segment)
      const ids = new Set([EVERYTHING, segment, group, rule.spec.conditions.segmentGroups?.[0]])
      return [...ids].flatMap((id) => (id === undefined ? [] : (by.get(id) ?? []))).sort(byOrder)
    },
  }
}

const EVERYTHING = '*'
