/** How access rules stand to one another: which of them is never reached because of another. */
import { partsOf, type Steps } from '../../base/slices.ts'
import { RuleIndex } from '../../policy/rule-index.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { LintFacts } from './lint-facts.ts'
import type { Empty, Populations } from './populations.ts'
import { covers } from './rule-cover.ts'

export type StoredRule = StoredObject<'access-rule'>

/** As many earlier rules are compared with each where all are looked at: in a policy of which more are about the same, not every one is found. */
const MAX_COMPARED = 256

/** So few rules that were written are compared with all before them: an index of all costs more. */
const FEW_RULES = 16

/** The first to be asked that hides this one. */
type ShadowOf = (rule: StoredRule) => Steps<StoredRule | undefined>

export class RuleComparison {
  readonly #facts: LintFacts
  readonly #rules: readonly StoredRule[]
  readonly #populations: Populations
  readonly #empties = new Map<string, Empty | undefined>()

  /** @param rules Those that are enabled. */
  constructor(facts: LintFacts, rules: readonly StoredRule[], populations: Populations) {
    this.#facts = facts
    this.#rules = rules
    this.#populations = populations
  }

  /** Why nobody and nothing can meet its conditions. */
  emptyOf({ id, spec }: StoredRule): Empty | undefined {
    if (!this.#empties.has(id)) this.#empties.set(id, this.#populations.emptyCondition(spec.conditions))
    return this.#empties.get(id)
  }

  /** Is it asked before the other, and matches whenever that does? */
  hides(wide: StoredRule, narrow: StoredRule): boolean {
    return (
      byOrder(wide, narrow) < 0 &&
      covers(wide.spec.conditions, narrow.spec.conditions, this.#populations) &&
      this.emptyOf(wide) === undefined
    )
  }

  /** @param written Only where one of these hides, or is hidden; absent where all are wanted. */
  *shadows(written?: readonly StoredRule[]): Steps<ShadowOf> {
    if (written === undefined || written.length > FEW_RULES) return yield* this.#byIndex()
    return (rule) => this.#amongAll(rule, written)
  }

  *#amongAll(rule: StoredRule, written: readonly StoredRule[]): Steps<StoredRule | undefined> {
    const isWritten = written.includes(rule)
    let first = isWritten ? undefined : written.find((one) => this.hides(one, rule))
    if (!isWritten && first === undefined) return undefined
    for (const part of partsOf(this.#rules)) {
      yield
      const before = this.#firstOf(part, rule, first)
      // It would be hidden all the same if what was written were not there.
      if (!isWritten && before !== first) return undefined
      first = before
    }
    return first
  }

  /** Of these, and of the one that is known, the first to be asked that hides this one. */
  #firstOf(
    rules: readonly StoredRule[],
    rule: StoredRule,
    known: StoredRule | undefined,
  ): StoredRule | undefined {
    let first = known
    for (const one of rules) {
      if ((first === undefined || byOrder(one, first) < 0) && this.hides(one, rule)) first = one
    }
    return first
  }

  *#byIndex(): Steps<ShadowOf> {
    const hides = (one: StoredRule, other: StoredRule) => this.hides(one, other)
    const stored = new Map(this.#rules.map((rule) => [rule.id, rule]))
    const index = yield* RuleIndex.of(this.#rules.map(({ id, name, spec }) => ({ id, name, ...spec })))
    const groupsOf = groupsIn(this.#facts)
    return function* (rule) {
      const asked = index.naming((list) => groupsOf(rule, list)).slice(0, MAX_COMPARED)
      return asked.map((one) => stored.get(one.rule.id)!).find((one) => hides(one, rule))
    }
  }
}

/** As policy/rule-index.ts orders them. */
export function byOrder(a: StoredRule, b: StoredRule): number {
  return a.spec.order - b.spec.order || (a.id < b.id ? -1 : 1)
}

/**
 * Which ids a rule must name, in each of its lists, to match whenever this one does: it names the first id of the
 * list of this one, or a group that the first user or segment is in.
 */
function groupsIn({ declared }: LintFacts) {
  const userGroups = new Map(declared.user.map(({ id, spec }) => [id, spec.groups]))
  const segmentGroup = new Map(declared.segment.map(({ id, spec }) => [id, spec.segmentGroup]))
  return (
    { spec: { conditions } }: StoredRule,
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
