import { asFault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { Repositories, Store } from '../../store/store.ts'
import { type PolicyReading, readPolicy, readPolicyAfter } from './read-policy.ts'
import type { PolicySnapshot } from './snapshot.ts'

/** Reads the policy as one consistent whole. */
export function loadPolicy(store: Store): Promise<PolicySnapshot> {
  return store.reading(readPolicy)
}

/** A failed reading of one version is not tried again sooner. */
const RETRY_MS = 10_000

/**
 * What decides now. With a transaction: what decides as of it, so that nothing can change before what rests on the
 * answer is stored. To be asked before that transaction writes anything; the answer is the very object of before if
 * nothing has changed.
 */
export interface PolicyNow {
  (tx?: Repositories): Promise<PolicySnapshot>
  /**
   * The same without waiting for one that is being made: until then the one before decides. Its writer has not been
   * answered yet; what is given by the one before must be found by the look at live grants, which begins with the new
   * one: so ask `latest` last.
   */
  inEffect(tx?: Repositories): Promise<PolicySnapshot>
  /** The one in effect at this very moment. */
  latest(): PolicySnapshot | undefined
}

/**
 * A snapshot that is read again only when the policy has changed: as soon as that is durable, and whoever changed it is
 * answered when it is read. One that cannot be read never takes the place of one that can: it is said, and the last one
 * stands until the next change, or the next try.
 *
 * @throws {Fault} STORE_FAILED; whatever the reading threw while there is none yet.
 */
export function cachedPolicy(store: Store, log: Log): PolicyNow {
  let last: PolicyReading | undefined
  let loading: Promise<PolicySnapshot> | undefined
  let failed: { readonly version: number; readonly untilMs: number } | undefined
  /** Changes of this process that are durable, and whose writers wait for what is made of them. */
  let unanswered = 0
  const load = async (version: number, tx?: Repositories): Promise<PolicySnapshot> => {
    const before = last
    try {
      const read = (from: Repositories) => readPolicyAfter(from, before)
      const loaded = await (tx === undefined ? store.reading(read) : read(tx))
      sayUnreadable(log, loaded.policy, before?.policy)
      if (last === undefined || loaded.policy.version > last.policy.version) last = loaded
      return loaded.policy
    } catch (error) {
      if (before === undefined || asFault(error).code === 'STORE_FAILED') throw error
      failed = { version, untilMs: performance.now() + RETRY_MS }
      log.error(
        { event: 'policy.kept', version: before.policy.version, err: error },
        `policy ${version} cannot be read: ${before.policy.version} stays in force`,
      )
      return before.policy
    }
  }
  /** Nothing where it is to be read anew. */
  const known = (version: number): PolicySnapshot | undefined => {
    const policy = last?.policy
    const stands = failed?.version === version && performance.now() < failed.untilMs
    return policy?.version === version || stands ? policy : undefined
  }
  const now = async (tx?: Repositories): Promise<PolicySnapshot> => {
    const version = await (tx ?? store).policyVersion()
    // A transaction must not wait for a load under way, which waits for its own.
    if (tx !== undefined) return known(version) ?? load(version, tx)
    for (;;) {
      const policy = known(version)
      if (policy !== undefined) return policy
      loading ??= load(version).finally(() => {
        loading = undefined
      })
      const loaded = await loading
      // The load under way may have begun before the change that was just seen.
      if (loaded.version >= version || failed?.version === version) return loaded
    }
  }
  const inEffect = async (tx?: Repositories): Promise<PolicySnapshot> => {
    const version = await (tx ?? store).policyVersion()
    const policy = last?.policy
    return policy !== undefined && (policy.version === version || unanswered > 0) ? policy : now(tx)
  }
  store.takenUp(async () => {
    if (last === undefined) return // Nobody has asked yet.
    unanswered++
    try {
      await now()
    } finally {
      unanswered--
    }
  })
  return Object.assign(now, { inEffect, latest: () => last?.policy })
}

/** Once for each object, however often policy changes. */
function sayUnreadable(log: Log, { unreadable }: PolicySnapshot, before: PolicySnapshot | undefined): void {
  for (const one of unreadable.values()) {
    if (before?.unreadable.get(one.id)?.why === one.why) continue
    const { kind, id, name, why } = one
    log.error(
      { event: 'policy.unreadable', kind, id, name, why },
      `${kind} ${name} cannot be read and is closed: ${why}`,
    )
  }
}
