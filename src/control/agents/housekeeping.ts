import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { archiveAudit } from '../../store/audit-archive.ts'
import type { Store } from '../../store/store.ts'
import type { KeySets } from '../base/key-sets.ts'
import type { Retention } from '../base/retention.ts'
import type { Connected, Presence } from '../presence/presence.ts'

const DAY_MS = 86_400_000

export interface HousekeepingDeps {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly grantSets: KeySets
  readonly ticketSets: KeySets
  readonly presence: Presence
  readonly retention: Retention
  /** Folder that audit records go to when they are kept no longer. */
  readonly auditArchive: string
}

/**
 * What is due by the calendar: keys, and what is kept no longer. Each by itself, so that one that cannot be done, on a
 * full disk for instance, keeps no other from being done. What is not done is due again the next time.
 */
export async function startHousekeeping(deps: HousekeepingDeps): Promise<void> {
  const { store, clock, log, grantSets, ticketSets, presence, retention, auditArchive } = deps
  const before = (days: number) => clock.nowMs() - days * DAY_MS
  const steps: readonly [what: string, work: () => Promise<unknown>][] = [
    ['ticket keys', async () => (await ticketSets.rotate()) && tell(presence.edges(), ticketSets)],
    ['grant keys', async () => (await grantSets.rotate()) && tell(presence.connectors(), grantSets)],
    ['revocations', () => store.revocations.sweep(clock.nowMs())],
    ['sessions', () => store.sessions.sweep(before(retention.sessionDays))],
    ['denials', () => store.denials.sweep(before(retention.denialDays))],
    ['audit', () => archiveAudit(store, { beforeMs: before(retention.auditDays), dir: auditArchive })],
  ]
  for (const [what, work] of steps) {
    try {
      await work()
    } catch (error) {
      log.error(
        { event: 'control.housekeeping-failed', what, err: error },
        `housekeeping of ${what} failed; it will be retried`,
      )
    }
  }
}

function tell(agents: Iterable<Connected>, { current }: KeySets): void {
  for (const { channel } of agents) channel.send({ type: 'keys', keys: current })
}
