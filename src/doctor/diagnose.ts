import { isEchoOf } from '../base/fault-causes.ts'
import { FAULTS, type FaultCode, type Hop } from '../base/faults.ts'
import type { Check, Failure, Verdict } from './check.ts'
import { hopOfRole } from './checks/words.ts'
import type { Facts } from './facts.ts'

export type Judgement = {
  readonly check: string
  readonly title: string
  readonly hop: Hop
} & { readonly verdict: Verdict }

export type FailedJudgement = Judgement & { readonly verdict: Failure }

export interface Diagnosis {
  /** In the order of the path. */
  readonly judgements: readonly Judgement[]
  /** Failures that no other failure explains, in the order of the path: the first is the headline. */
  readonly roots: readonly FailedJudgement[]
  /** No fact that is still missing can put another failure before the first root. */
  readonly certain: boolean
}

/**
 * Judges every check once. A check whose prerequisite failed is skipped, and names the one that failed; a failure
 * that another failure explains is skipped in the same way, so that nobody chases an echo.
 *
 * @param checks In the order of the path; a check comes after those it names.
 */
export function diagnose(checks: readonly Check[], facts: Facts): Diagnosis {
  const verdicts = new Map<string, Verdict>()
  const waiting = new Set<string>()
  for (const one of checks) {
    if (one.applies?.(facts) === false) continue
    const blocker = blockerOf(one, verdicts)
    if (blocker !== undefined) verdicts.set(one.name, { is: 'skip', after: blocker })
    else if (isWaiting(one, facts) || one.after.some((name) => waiting.has(name))) waiting.add(one.name)
    else judge(one, facts, verdicts)
  }
  hideEchoes(verdicts)
  const judgements = checks.flatMap((one) => {
    const verdict = verdicts.get(one.name)
    if (verdict === undefined) return []
    return [{ check: one.name, title: one.title, hop: hopOf(one, verdict, facts), verdict }]
  })
  const roots = judgements.filter(isFailed)
  const first = roots[0]
  const before =
    first === undefined
      ? checks
      : checks.slice(
          0,
          checks.findIndex(({ name }) => name === first.check),
        )
  return { judgements, roots, certain: !before.some(({ name }) => waiting.has(name)) }
}

/** Of a failure the owner of its code; what lies on this machine belongs to the role that runs here. */
function hopOf(one: Check, verdict: Verdict, { patient }: Facts): Hop {
  if (verdict.is === 'fail' && verdict.hop !== undefined) return verdict.hop
  if (one.hop === 'self') return hopOfRole(patient.role)
  return verdict.is === 'fail' ? FAULTS[verdict.fault].hop : one.hop
}

function isFailed(judgement: Judgement): judgement is FailedJudgement {
  return judgement.verdict.is === 'fail'
}

/** The failed check at the root of a chain of skips. */
function blockerOf({ after }: Check, verdicts: ReadonlyMap<string, Verdict>): string | undefined {
  for (const name of after) {
    const verdict = verdicts.get(name)
    if (verdict?.is === 'fail') return name
    if (verdict?.is === 'skip') return verdict.after
  }
  return undefined
}

function isWaiting({ needs, uses = [] }: Check, { pending }: Facts): boolean {
  return [...needs, ...uses].some((name) => pending.has(name))
}

function judge(one: Check, facts: Facts, verdicts: Map<string, Verdict>): void {
  const missing = one.needs.find((name) => facts.known[name] === undefined)
  if (missing === undefined) {
    const verdict = one.judge(facts.known, facts)
    if (verdict !== undefined) verdicts.set(one.name, verdict)
    return
  }
  const why = facts.unknown[missing]
  if (why === undefined) return
  const failed = facts.failed?.has(missing) === true
  verdicts.set(one.name, failed ? { is: 'unknown', why, blind: true } : { is: 'unknown', why })
}

function hideEchoes(verdicts: Map<string, Verdict>): void {
  const failed = [...verdicts].flatMap(([name, verdict]) =>
    verdict.is === 'fail' ? [{ name, verdict }] : [],
  )
  const explain = (code: FaultCode) => failed.filter((other) => isEchoOf(code, other.verdict.fault))
  const roots = new Set(failed.filter(({ verdict }) => explain(verdict.fault).length === 0))
  for (const { name, verdict } of failed) {
    const root = explain(verdict.fault).find((other) => roots.has(other))
    if (root !== undefined) verdicts.set(name, { is: 'skip', after: root.name })
  }
}
