/** Access rules that do not do what their author thought: those that match nobody, and those that are never reached. */
import type { Steps } from '../../base/slices.ts'
import { RuleIndex } from '../../policy/rule-index.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { LintFacts } from './facts.ts'
import { about, type Findings, finding } from './finding.ts'
import { type Populations, populationsOf } from './populations.ts'
import { covers } from './rule-cover.ts'

type Rule = StoredObject<'access-rule'>

/** As many earlier rules are compared with each where all are looked at: in a policy of which more are about the same, not every one is found. */
const MAX_COMPARED = 256

/** @param about Only findings in which one of these has a part. */
export function* rulesInVain(facts: LintFacts, about?: ReadonlySet<string>): Findings {
  const populations = populationsOf(facts)
  yield
  const inOrder = facts.declared['access-rule'].filter(({ spec }) => spec.enabled).sort(byOrder)
  const empties = new Map<string, ReturnType<Populations['emptyCondition']>>()
  const emptyOf = (rule: Rule) => {
    if (!empties.has(rule.id)) empties.set(rule.id, populations.emptyCondition(rule.spec.conditions))
    return empties.get(rule.id)
  }
  const hidden = about === undefined ? undefined : yield* maybeHidden(inOrder, about, populations)
  const earlierOf = yield* earlierRules(facts, inOrder, about)
  for (const [at, rule] of inOrder.entries()) {
    yield
    const isHidden = hidden?.has(at) ?? true
    if (!isHidden && !namesAny(rule, about!)) continue
    const nobody = emptyOf(rule)
    if (nobody !== undefined) {
      yield finding('LINT_RULE_NEVER_MATCHES', nameOf(rule), {
        reason: `${nobody.condition}: ${nobody.reason}`,
        consequence: `it ${rule.spec.action === 'allow' ? 'allows' : 'denies'} nobody anything`,
        others: nobody.others,
      })
      continue
    }
    if (!isHidden) continue
    const before = earlierOf(at).find((one) => hides(one, rule, populations) && emptyOf(one) === undefined)
    if (before === undefined) continue
    const same = before.spec.action === rule.spec.action
    yield finding('LINT_RULE_SHADOWED', nameOf(rule), {
      reason: `rule ${before.name} (order ${before.spec.order}) matches whenever this one (order ${rule.spec.order}) does, and is asked first`,
      consequence: same
        ? `it has no effect: ${before.name} says ${before.spec.action} already`
        : `it never says ${rule.spec.action}: ${before.name} has said ${before.spec.action} before`,
      others: [nameOf(before)],
    })
  }
}

function nameOf(rule: Rule) {
  return about('access-rule', rule)
}

/** Places of the rules that were written, and of those that one of them may hide. */
function* maybeHidden(
  inOrder: readonly Rule[],
  about: ReadonlySet<string>,
  populations: Populations,
): Steps<Set<number>> {
  const written = inOrder.filter(({ id }) => about.has(id)).slice(0, MAX_COMPARED)
  const found = new Set<number>()
  let hidden = 0
  for (const [at, rule] of inOrder.entries()) {
    yield
    if (about.has(rule.id)) found.add(at)
    else if (hidden < MAX_HIDDEN && written.some((one) => hides(one, rule, populations))) {
      hidden++
      found.add(at)
    }
  }
  return found
}

/** Of the rules that one write hides so many are said at most. */
const MAX_HIDDEN = 64

function namesAny({ spec: { conditions } }: Rule, ids: ReadonlySet<string>): boolean {
  return NAMING.some((list) => conditions[list]?.some((id) => ids.has(id)))
}

const NAMING = ['users', 'userGroups', 'devices', 'segments', 'segmentGroups'] as const

/** So few rules that were written are compared with all before them: an index of all costs more. */
const FEW_RULES = 16

/** For the place of a rule: those before it that may hide it, in order. */
function* earlierRules(
  facts: LintFacts,
  inOrder: readonly Rule[],
  about: ReadonlySet<string> | undefined,
): Steps<(at: number) => readonly Rule[]> {
  const few = about !== undefined && inOrder.filter(({ id }) => about.has(id)).length <= FEW_RULES
  if (few) return (at) => inOrder.slice(0, at)
  const stored = new Map(inOrder.map((rule) => [rule.id, rule]))
  const index = yield* indexOf(facts)
  const groupsOf = groupsIn(facts)
  return (at) => {
    const asked = index.naming((list) => groupsOf(inOrder[at]!, list))
    return asked
      .filter((one) => one.at < at)
      .slice(0, MAX_COMPARED)
      .map(({ rule }) => stored.get(rule.id)!)
  }
}

function hides(wide: Rule, narrow: Rule, populations: Populations): boolean {
  return covers(wide.spec.conditions, narrow.spec.conditions, populations)
}

/** As policy/rule-index.ts orders them. */
function byOrder(a: Rule, b: Rule): number {
  return a.spec.order - b.spec.order || (a.id < b.id ? -1 : 1)
}

function indexOf({ declared }: LintFacts): Steps<RuleIndex> {
  return RuleIndex.of(declared['access-rule'].map(({ id, name, spec }) => ({ id, name, ...spec })))
}

/**
 * Which ids a rule must name, in each of its lists, to match whenever this one does: it names the first id of the
 * list of this one, or a group that the first user or segment is in.
 */
function groupsIn({ declared }: LintFacts) {
  const userGroups = new Map(declared.user.map(({ id, spec }) => [id, spec.groups]))
  const segmentGroup = new Map(declared.segment.map(({ id, spec }) => [id, spec.segmentGroup]))
  return (
    { spec: { conditions } }: Rule,
    list: Parameters<Parameters<RuleIndex['naming']>[0]>[0],
  ): string[] => {
    const first = conditions[list]?.[0]
    const groups =
      list === 'userGroups'
        ? (userGroups.get(conditions.users?.[0] ?? '') ?? [])
        : list === 'segmentGroups'
          ? [segmentGroup.get(conditions.segments?.[0] ?? '')]
          : []
    return [...new Set([first, ...groups])].filter((id) => id !== undefined)
  }
}
