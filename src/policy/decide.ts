/**
 * The decision: ordered rules, the first whose conditions all hold wins, and when none does the answer is no.
 *
 * A denial says what would have made it a yes: of the allow rules that were asked, the one that came closest and the
 * first of its conditions that failed.
 *
 * @module
 */
import { Fault } from '../base/faults.ts'
import { failingConditions } from './conditions.ts'
import type { AccessRequest, FailingCondition, PolicyRule } from './rule.ts'
import type { RuleIndex } from './rule-index.ts'

export interface Allowed {
  readonly allow: true
  readonly rule: PolicyRule
}

export interface Denied {
  readonly allow: false
  /** The rule that denies; absent when no rule matched. */
  readonly rule?: PolicyRule
  readonly nearest?: { readonly rule: PolicyRule; readonly failing: FailingCondition }
}

export type Decision = Allowed | Denied

/**
 * Pure: `request.nowMs` is the only clock.
 *
 * @throws {Fault} INVALID if a rule that must be asked cannot be read: the caller denies.
 */
export function decide(rules: RuleIndex, request: AccessRequest): Decision {
  const about = rules.about(request)
  const decides = rules.decides(request, about)
  if (decides?.rule.action === 'allow') return { allow: true, rule: decides.rule }
  // Allow rules after the one that denies are not near: they could match entirely and would still not be asked.
  const end = decides?.at ?? Number.POSITIVE_INFINITY
  const near = nearest(rules.allowingBefore(end, request, about), request)
  return { allow: false, ...(decides && { rule: decides.rule }), nearest: near }
}

/** As decide, for whoever asks about everything there is and wants no reasons. */
export function allows(rules: RuleIndex, request: AccessRequest): boolean {
  return rules.decides(request)?.rule.action === 'allow'
}

/**
 * POSTURE_FAILED if the device is all that stands in the way, else POLICY_DENIED; both with the rule and the condition.
 * POLICY_UNREADABLE where a rule denies because it cannot be read.
 */
export function decisionFault(decision: Denied, request: AccessRequest): Fault {
  const { rule, nearest } = decision
  const about = { segment: request.segment.name, user: request.user.id }
  const near = nearest && {
    nearestRule: nearest.rule.name,
    condition: nearest.failing.condition,
    wanted: nearest.failing.wanted,
    seen: nearest.failing.seen,
  }
  const but = nearest
    ? `; rule "${nearest.rule.name}" would allow it except for ${nearest.failing.condition}: ${compare(nearest.failing)}`
    : ''
  if (rule?.unreadable !== undefined) {
    const detail = `rule "${rule.name}" cannot be read, so it denies: ${rule.unreadable}`
    return new Fault('POLICY_UNREADABLE', detail, {
      seen: { ...about, rule: rule.name, why: rule.unreadable },
    })
  }
  if (rule) {
    return new Fault('POLICY_DENIED', `rule "${rule.name}" denies ${request.segment.name}${but}`, {
      seen: { ...about, rule: rule.name, ...near },
    })
  }
  const code = nearest?.failing.condition === 'posture' ? 'POSTURE_FAILED' : 'POLICY_DENIED'
  return new Fault(code, `no rule allows ${request.segment.name}${but}`, { seen: { ...about, ...near } })
}

/** A rule about another application is never near, however little else failed; nor is one about other people. */
function nearest(missed: readonly PolicyRule[], request: AccessRequest): Denied['nearest'] {
  let best: Denied['nearest']
  let shortest = Number.POSITIVE_INFINITY
  for (const rule of missed) {
    if (shortest === 1) break // One condition failed at least, or the rule would have decided.
    const failing = [...failingConditions(rule.conditions, request)]
    const distance = failing.reduce((sum, { condition }) => sum + (WEIGHT[condition] ?? 1), 0)
    if (distance >= shortest) continue
    shortest = distance
    best = { rule, failing: failing[0]! }
  }
  return best
}

const WEIGHT: Readonly<Record<string, number>> = {
  segments: 10_000,
  segmentGroups: 10_000,
  users: 100,
  userGroups: 100,
}

/** What a condition wanted, and what it saw. */
export function compare({ wanted, seen }: FailingCondition): string {
  return `wanted ${wanted.join(' or ') || 'nothing that exists'}, seen ${seen.join(', ') || 'nothing'}`
}
