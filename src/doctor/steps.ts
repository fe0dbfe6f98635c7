import type { Diagnosis } from './diagnose.ts'
import { type CheckLine, type Finding, findingOf, lineOf } from './report.ts'

/**
 * What of an examination under way is certain: each judgement once, when nothing that is still being looked for can
 * change it.
 */
export class CertainSteps {
  readonly #told = new Set<string>()
  #first = false

  /** @returns What has become certain since the last time. */
  take(diagnosis: Diagnosis): { readonly steps: readonly CheckLine[]; readonly first?: Finding } {
    const { judgements, roots, certain } = diagnosis
    const [root] = certain ? roots : []
    const steps = judgements.filter(({ check, verdict }) => {
      // A failure may turn out to be an echo, and what is skipped may come to name another one, until all is known.
      const settled = verdict.is === 'pass' || verdict.is === 'unknown' || check === root?.check
      return settled && !this.#told.has(check)
    })
    for (const { check } of steps) this.#told.add(check)
    const first = root !== undefined && !this.#first ? findingOf(root) : undefined
    this.#first ||= first !== undefined
    return { steps: steps.map(lineOf), first }
  }

  /** @returns What was not told before the end. */
  rest(checks: readonly CheckLine[]): readonly CheckLine[] {
    return checks.filter(({ check }) => !this.#told.has(check))
  }
}
