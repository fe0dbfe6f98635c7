import type { ApplyReply } from '../../api/apply.ts'
import type { AuditEntry } from '../../store/audit.ts'
import type { Repositories, Store } from '../../store/store.ts'
import { ApplySteps } from './apply-steps.ts'
import type { ApplyStep } from './plan.ts'
import { type ApplyPlan, planNow, stillHolds } from './planned.ts'
import type { Prepared } from './prepare.ts'

export interface How {
  /** Delete what is not declared, of the kinds that are. */
  readonly prune: boolean
  /** Who does it, as the audit log names them. */
  readonly by?: string
}

/** What was done, or would be. */
export interface Executed {
  readonly reply: ApplyReply
  readonly audit: readonly Omit<AuditEntry, 'actor'>[]
  /** Objects that are there now and were declared. */
  readonly ids: readonly string[]
}

/** Ends the transaction of a dry run, which did everything and keeps nothing. */
class DryRun<Seen> extends Error {
  readonly done: Executed
  readonly seen: Seen
  constructor(done: Executed, seen: Seen) {
    super('dry run')
    this.done = done
    this.seen = seen
  }
}

/**
 * Does the plan in a transaction that is then undone: what would fail fails, and nothing changes.
 *
 * @param look At the state that it would bring about.
 */
export async function rehearse<Seen>(
  store: Store,
  prepared: Prepared,
  how: How,
  look: (tx: Repositories) => Promise<Seen>,
): Promise<Executed & { readonly seen: Seen }> {
  const planned = await store.reading((tx) => planNow(tx, prepared, how.prune))
  try {
    return await store.transaction(async (tx) => {
      const done = await execute(tx, prepared, how, planned)
      throw new DryRun(done, await look(tx))
    })
  } catch (thrown) {
    if (!(thrown instanceof DryRun)) throw thrown
    const { done, seen } = thrown as DryRun<Seen>
    return {
      ...done,
      reply: { ...done.reply, applied: false, policyVersion: await store.policyVersion() },
      seen,
    }
  }
}

/**
 * Makes the stored objects the declared ones, within the caller's transaction.
 *
 * @param planned Before it: so the transaction is no longer than writing takes. Planned anew if it does not hold any more.
 * @throws {Fault} INVALID with pointers below `/documents`, CONFLICT, IN_USE naming what refers to a pruned object.
 */
export async function execute(
  tx: Repositories,
  prepared: Prepared,
  how: How,
  planned?: ApplyPlan,
): Promise<Executed> {
  const now =
    planned !== undefined && stillHolds(tx, planned) ? planned : await planNow(tx, prepared, how.prune)
  const { steps } = now
  const work = new ApplySteps(tx, prepared, now, how.by)
  const { done, audit } = await work.all()
  const count = (action: ApplyStep['action']) => steps.filter((step) => step.action === action).length
  const summary = {
    create: count('create'),
    update: count('update'),
    delete: count('delete'),
    unchanged: count('unchanged'),
  }
  const changed = summary.create + summary.update + summary.delete > 0
  return {
    // The version is raised when the transaction ends.
    reply: {
      ...{ applied: true, steps: done, summary, warnings: [] },
      policyVersion: (await tx.policyVersion()) + (changed ? 1 : 0),
    },
    audit: changed
      ? [...audit, { action: 'config.apply', object: '', detail: { summary, prune: how.prune } }]
      : [],
    ids: done.flatMap(({ action, id }) => (action === 'delete' || id === undefined ? [] : id)),
  }
}
