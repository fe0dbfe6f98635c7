import { TRACE_HOPS, type TraceHop, type TraceStep } from '../../wire/control.ts'

/**
 * The hops of one trace as they become known. The first that fails is the story: what comes after it says nothing, and
 * is shown as skipped.
 */
export class Trail {
  readonly #steps = new Map<TraceHop, TraceStep>()
  readonly #told: (step: TraceStep) => void

  constructor(told: (step: TraceStep) => void) {
    this.#told = told
  }

  /** The failure of the earliest hop. */
  get failed(): TraceStep | undefined {
    return TRACE_HOPS.map((hop) => this.#steps.get(hop)).find((step) => step?.verdict === 'fail')
  }

  get(hop: TraceHop): TraceStep | undefined {
    return this.#steps.get(hop)
  }

  /** A hop that has been judged stays so, unless it is now seen to fail. */
  say(step: TraceStep): void {
    const before = this.#steps.get(step.hop)
    if (before !== undefined && !(step.verdict === 'fail' && before.verdict !== 'fail')) return
    this.#steps.set(step.hop, step)
    if (!this.#isAfterFailure(step.hop)) this.#told(step)
  }

  /** More is known of a hop than what was said at first. */
  amend(step: TraceStep): void {
    this.#steps.set(step.hop, step)
  }

  /** Every hop. @param missing What is said of those that nobody judged. */
  all(missing: string): TraceStep[] {
    const failed = this.failed?.hop
    return TRACE_HOPS.map((hop): TraceStep => {
      if (failed !== undefined && this.#isAfterFailure(hop)) {
        return { hop, verdict: 'skip', text: `cannot be judged until ${failed} passes` }
      }
      return this.#steps.get(hop) ?? { hop, verdict: 'unknown', text: missing }
    })
  }

  #isAfterFailure(hop: TraceHop): boolean {
    const failed = this.failed?.hop
    return failed !== undefined && TRACE_HOPS.indexOf(hop) > TRACE_HOPS.indexOf(failed)
  }
}
