import { Fault } from '../base/faults.ts'
import type { AccessRequest, FailingCondition, PolicyRule } from './rule.ts'

export type Allowed = { readonly allow: true; readonly rule: PolicyRule }
export type Denied = {
  readonly allow: false
  /** The rule that denies; absent when no rule matched. */
  readonly rule?: PolicyRule
  /** The allow rule that came closest, and the first of its conditions that failed. */
  readonly nearest?: { readonly rule: PolicyRule; readonly failing: FailingCondition }
}
export type Decision = Allowed | Denied

export function decide(_rules: readonly PolicyRule[], _request: AccessRequest): Decision {
  throw new Error('being written')
}
export function decisionFault(_decision: Denied, _request: AccessRequest): Fault {
  return new Fault('POLICY_DENIED', 'being written')
}
