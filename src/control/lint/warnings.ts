import type { LintFinding, LintReply } from '../../api/lint.ts'
import type { Clock } from '../../base/clock.ts'
import { inSlices } from '../../base/slices.ts'
import type { Repositories } from '../../store/store.ts'
import { concerning, lint } from './lint.ts'
import { gatherLintFacts, type LintFacts, type Whereabouts } from './lint-facts.ts'

export interface LintDeps {
  readonly clock: Clock
  readonly presence: { connector: Whereabouts }
}

/** What is doubtful about these objects, as they are in this transaction: told to whoever writes them. */
export async function warningsAbout(
  tx: Repositories,
  deps: LintDeps,
  ids: readonly string[],
): Promise<LintFinding[]> {
  const about = new Set(ids)
  const ofKey = ids.some((id) => id.startsWith('key_'))
  return concerning(await inSlices(lint(await factsOf(tx, deps, { ofKey }), about)), about)
}

/**
 * As warningsAbout of objects that were declared, in two parts: what is looked at is gathered in the transaction, and looked at behind it, when nobody
 * waits for that any more.
 */
export async function gatherWarnings(
  tx: Repositories,
  deps: LintDeps,
): Promise<(ids: readonly string[]) => Promise<LintFinding[]>> {
  const facts = await factsOf(tx, deps, { ofKey: false })
  return async (ids) => {
    const about = new Set(ids)
    return concerning(await inSlices(lint(facts, about)), about)
  }
}

/** What is doubtful about everything there is. */
export async function lintEverything(tx: Repositories, deps: LintDeps): Promise<LintReply> {
  const facts = await factsOf(tx, deps)
  const objects = Object.values(facts.declared).reduce((sum, list) => sum + list.length, 0)
  const examined = objects + facts.connectors.length + facts.keys.length + facts.devices.length
  return { findings: await inSlices(lint(facts)), examined, policyVersion: await tx.policyVersion() }
}

function factsOf(
  tx: Repositories,
  { clock, presence }: LintDeps,
  ofWrite?: { readonly ofKey: boolean },
): Promise<LintFacts> {
  const whereabouts = (id: string) => presence.connector(id)
  return gatherLintFacts(tx, { nowMs: clock.nowMs(), whereabouts, ofWrite })
}
