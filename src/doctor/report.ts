/**
 * One value for everything the doctor has to say; how it looks is decided where it is shown.
 *
 * @module
 */
import { rfc3339 } from '../base/clock.ts'
import { FAULTS, type FaultCode, type Hop } from '../base/faults.ts'
import type { Verdict } from './check.ts'
import type { Diagnosis, FailedJudgement, Judgement } from './diagnose.ts'
import type { PatientRole } from './patient.ts'

/** One failure, with everything that a person on call needs. */
export interface Finding {
  readonly check: string
  readonly hop: Hop
  readonly code: FaultCode
  readonly scenario?: number
  readonly title: string
  readonly expected: string
  readonly seen: readonly string[]
  readonly cause: string
  readonly fix: readonly string[]
  readonly verify: { readonly run: string; readonly expect: string }
}

export interface Report {
  /** `run_…`: on every line that this run wrote. */
  readonly run: string
  readonly role: PatientRole
  readonly at: string
  readonly durationMs: number
  /** `unknown`: nothing failed, and something that matters could not be looked at. */
  readonly outcome: 'healthy' | 'fault' | 'unknown'
  /** The headline first; then what is broken beside it. */
  readonly findings: readonly Finding[]
  readonly checks: readonly CheckLine[]
  /** What works, and is slow: `TLS to the edge, against the pin: 6.2 s`. */
  readonly slow?: readonly string[]
  /** Of `unknown`: the first look that matters and was not possible, and why. */
  readonly blind?: string
}

export interface CheckLine {
  readonly check: string
  readonly title: string
  readonly hop: Hop
  readonly verdict: Verdict['is']
  /** What was seen; of a skip, the check that failed; of an unknown, why. */
  readonly text: string
}

/** Without these nobody can say that the way is open. */
const ESSENTIAL: ReadonlySet<string> = new Set([
  'edge-name',
  'edge-tcp',
  'proxy',
  'edge-tls',
  'app-session',
  'upgrade',
  'app-name',
  'app-port',
  'listening',
  'upgrade-package',
])

export function reportOf(
  { judgements, roots }: Diagnosis,
  o: { run: string; role: PatientRole; startedMs: number; durationMs: number },
): Report {
  const judged = new Set(judgements.map(({ check }) => check))
  const unseen = judgements.find(isBlind)
  const blind =
    unseen !== undefined || !judged.has(o.role === 'edge' || o.role === 'server' ? 'listening' : 'edge-tls')
  const outcome = roots.length > 0 ? 'fault' : blind ? 'unknown' : 'healthy'
  return {
    run: o.run,
    role: o.role,
    at: rfc3339(o.startedMs),
    durationMs: Math.round(o.durationMs),
    outcome,
    findings: roots.map(findingOf),
    checks: judgements.map(lineOf),
    slow: slowOf(judgements),
    blind: outcome === 'unknown' && unseen !== undefined ? textOf(unseen.verdict) : undefined,
  }
}

function isBlind({ check, verdict }: Judgement): boolean {
  return verdict.is === 'unknown' && (verdict.blind === true || ESSENTIAL.has(check))
}

function slowOf(judgements: readonly Judgement[]): string[] | undefined {
  const slow = judgements.flatMap(({ title, verdict }) =>
    verdict.is === 'pass' && verdict.slow !== undefined ? [`${title} ${verdict.slow}`] : [],
  )
  return slow.length === 0 ? undefined : slow
}

export function lineOf({ check, title, hop, verdict }: Judgement): CheckLine {
  return { check, title, hop, verdict: verdict.is, text: textOf(verdict) }
}

export function findingOf({ check, hop, verdict }: FailedJudgement): Finding {
  const { fault: code, expected, seen, cause, fix, verify } = verdict
  const { title, scenario } = FAULTS[code] as { title: string; scenario?: number }
  return { check, hop, code, scenario, title, expected, seen, cause, fix, verify }
}

function textOf(verdict: Verdict): string {
  switch (verdict.is) {
    case 'pass':
      return verdict.saw
    case 'fail':
      return `${verdict.fault}: ${verdict.cause}`
    case 'skip':
      return `cannot be judged until ${verdict.after} passes`
    case 'unknown':
      return verdict.why
    default:
      return verdict satisfies never
  }
}

/** What the process ends with. */
export const DOCTOR_EXIT = { healthy: 0, fault: 1, unknown: 2, usage: 64 } as const

/** The headline as fields of a log line. */
export function logFields(report: Report): Record<string, unknown> {
  const { run, durationMs, outcome, findings } = report
  const [root, ...beside] = findings
  const fields = { event: 'doctor.verdict', run, durationMs, outcome }
  if (root === undefined) return fields
  const { hop, code, scenario, seen, cause, fix, verify } = root
  const also = beside.map((one) => `${one.hop} ${one.code}`)
  return { ...fields, hop, code, scenario, seen, cause, fix, verify, ...(also.length > 0 ? { also } : {}) }
}

/** First line of every rendering: the hop, the code, and the cause in words. */
export function headline({
  outcome,
  findings,
  role,
  slow,
  blind,
}: Pick<Report, 'outcome' | 'findings' | 'role' | 'slow' | 'blind'>): string {
  const [root] = findings
  if (root !== undefined) return `${root.hop} ${root.code}: ${root.cause}`
  const but = slow === undefined ? '' : `; slow: ${slow.join('; ')}`
  if (outcome === 'healthy') return `healthy: every hop that this ${role} can see works${but}`
  return `unknown: nothing failed, but not everything could be checked${blind === undefined ? '' : `: ${blind}`}${but}`
}
