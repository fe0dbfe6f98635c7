/**
 * A check judges facts. It is pure: the same facts give the same verdict, anywhere.
 *
 * @module
 */
import { FAULTS, type FaultCode, type Hop } from '../base/faults.ts'
import type { FactName, Facts, FactTable } from './facts.ts'

export type CauseAndFix = Pick<Failure, 'cause' | 'fix'>

export interface Failure {
  readonly is: 'fail'
  readonly fault: FaultCode
  /** Overrides the owner of the code. */
  readonly hop?: Hop
  readonly expected: string
  /** Evidence, verbatim: issuer, errno, answer, file mode, offset. */
  readonly seen: readonly string[]
  /** What happened, in words, here and now. */
  readonly cause: string
  /** What to run or change, with the paths and addresses of this machine. */
  readonly fix: readonly string[]
  readonly verify: { readonly run: string; readonly expect: string }
}

export type Verdict =
  /** `slow`: it ended well, and took so long that it is worth a word. */
  | { readonly is: 'pass'; readonly saw: string; readonly slow?: string }
  | Failure
  /** A prerequisite did not pass; what this check would say is noise. */
  | { readonly is: 'skip'; readonly after: string }
  /** Could not look. `blind`: a look was made and failed, so nobody can say that all is well. */
  | { readonly is: 'unknown'; readonly why: string; readonly blind?: true }

/** What a judge may say; `undefined` when the check does not apply to this machine. */
export type Judged = Exclude<Verdict, { is: 'skip' }> | undefined

export interface Check {
  /** lower-kebab-case; stable, used in reports and by `after`. */
  readonly name: string
  /** What is looked at, for people: `the way to the edge`. */
  readonly title: string
  /** `self`: the hop that this machine is. */
  readonly hop: Hop | 'self'
  /** Facts without which there is no verdict. */
  readonly needs: readonly FactName[]
  /** Facts that are read when they are there; a verdict waits for them too. */
  readonly uses?: readonly FactName[]
  /** Checks whose failure makes the answer of this one noise. */
  readonly after: readonly string[]
  /** Does it say anything about this machine? Asked before anything is skipped. */
  readonly applies?: (facts: Facts) => boolean
  readonly judge: (known: Readonly<Partial<FactTable>>, facts: Facts) => Judged
}

/** A check over facts that are all there when its judge is asked. */
export function check<Need extends FactName>(
  c: Omit<Check, 'needs' | 'judge'> & {
    readonly needs: readonly Need[]
    readonly judge: (known: Pick<FactTable, Need> & Readonly<Partial<FactTable>>, facts: Facts) => Judged
  },
): Check {
  return c as unknown as Check // diagnose asks the judge only when every need is known
}

export function pass(saw: string, slow?: string): Judged {
  return slow === undefined ? { is: 'pass', saw } : { is: 'pass', saw, slow }
}

export function unknown(why: string): Judged {
  return { is: 'unknown', why }
}

/** A look that failed is no evidence: neither that something is wrong, nor that all is well. */
export function blind(why: string): Judged {
  return { is: 'unknown', why, blind: true }
}

/** What the table says is used where a check has nothing better: no placeholder of it ever reaches a person. */
export function fail(
  fault: FaultCode,
  o: Pick<Failure, 'expected' | 'seen' | 'fix' | 'verify'> & { cause?: string; hop?: Hop },
): Failure {
  const seen = o.seen.filter((line) => line !== '')
  return { is: 'fail', fault, ...o, seen, cause: o.cause ?? FAULTS[fault].cause }
}
