/** Access rules that do not do what their author thought: those that match nobody, and those that are never reached. */
import { partsOf, type Steps } from '../../base/slices.ts'
import { about, type Findings, findingAbout } from './finding.ts'
import type { LintFacts } from './lint-facts.ts'
import { populationsOf } from './populations.ts'
import { byOrder, RuleComparison, type StoredRule } from './rule-comparison.ts'

/** Of the rules that one write may hide so many are looked at, and with so many rules that were written each is compared. */
const MAX_HIDDEN = 64
const MAX_WRITTEN = 256

/** @param about Only findings in which one of these has a part. */
export function* rulesInVain(facts: LintFacts, about?: ReadonlySet<string>): Findings {
  const rules = facts.declared['access-rule'].filter(({ spec }) => spec.enabled)
  yield
  const comparison = new RuleComparison(facts, rules, populationsOf(facts))
  const written = about && rules.filter(({ id }) => about.has(id)).sort(byOrder)
  const looked = about && written ? yield* concerned(rules, { about, written, comparison }) : [...rules]
  const shadowOf = yield* comparison.shadows(written)
  for (const rule of looked.sort(byOrder)) {
    yield
    const nobody = comparison.emptyOf(rule)
    if (nobody !== undefined) {
      yield findingAbout('LINT_RULE_NEVER_MATCHES', nameOf(rule), {
        reason: `${nobody.condition}: ${nobody.reason}`,
        consequence: `it ${rule.spec.action === 'allow' ? 'allows' : 'denies'} nothing`,
        others: nobody.others,
      })
      continue
    }
    const before = yield* shadowOf(rule)
    if (before === undefined) continue
    const same = before.spec.action === rule.spec.action
    yield findingAbout('LINT_RULE_SHADOWED', nameOf(rule), {
      reason: `rule ${before.name} (order ${before.spec.order}) matches whenever this one (order ${rule.spec.order}) does, and is evaluated first`,
      consequence: same
        ? `it has no effect: ${before.name} already decides ${before.spec.action}`
        : `it never decides ${rule.spec.action}: ${before.name} has already decided ${before.spec.action}`,
      others: [nameOf(before)],
    })
  }
}

function nameOf(rule: StoredRule) {
  return about('access-rule', rule)
}

interface WrittenRules {
  readonly about: ReadonlySet<string>
  /** The rules of that, in the order they are asked. */
  readonly written: readonly StoredRule[]
  readonly comparison: RuleComparison
}

/** Rules that were written, that name what was, and that a rule which was written may hide. */
function* concerned(
  rules: readonly StoredRule[],
  { about, written, comparison }: WrittenRules,
): Steps<StoredRule[]> {
  const compared = written.slice(0, MAX_WRITTEN)
  const found: StoredRule[] = []
  const hidden: StoredRule[] = []
  const look = (rule: StoredRule) => {
    if (about.has(rule.id) || namesAny(rule, about)) found.push(rule)
    else if (compared.length > 0 && compared.some((one) => comparison.hides(one, rule))) hidden.push(rule)
  }
  for (const part of partsOf(rules)) {
    yield
    part.forEach(look)
  }
  return [...found, ...hidden.sort(byOrder).slice(0, MAX_HIDDEN)]
}

function namesAny({ spec: { conditions } }: StoredRule, ids: ReadonlySet<string>): boolean {
  const { users, userGroups, devices, segments, segmentGroups } = conditions
  return (
    hasAny(users, ids) ||
    hasAny(userGroups, ids) ||
    hasAny(devices, ids) ||
    hasAny(segments, ids) ||
    hasAny(segmentGroups, ids)
  )
}

function hasAny(list: readonly string[] | undefined, ids: ReadonlySet<string>): boolean {
  if (list === undefined) return false
  for (const id of list) if (ids.has(id)) return true
  return false
}
