import type { Kysely } from 'kysely'
import type { Kind } from '../api/kinds.ts'
import type { Clock } from '../base/clock.ts'
import type { BusMessages, Topic } from './bus.ts'
import type { Changed, ChangeLogView } from './change-log.ts'
import type { Tables } from './tables.ts'
import type { Urgency } from './write-lock.ts'

/**
 * Where repositories run: on the database as such, where each call is its own transaction, or inside one.
 * What a transaction changed is told to the bus after it is durable, never before.
 */
export interface StoreScope {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  /** Runs `work` in the transaction that is open, else in one of its own. @param urgency 'later' where nobody waits for it. */
  atomically<T>(work: (scope: StoreScope) => Promise<T>, urgency?: Urgency): Promise<T>
  /** An object was written or deleted; `policy` when decisions may differ now. */
  touch(kind: Kind, id: string, o: { policy: boolean }): void
  /** Of transactions that are durable. */
  readonly changes: ChangeLogView
  /** What the transaction that is open has changed so far. */
  readonly changed: Changed
  /** Does it once the transaction is durable, before anybody else writes. */
  committed(work: () => void): void
  /** Published once the transaction is durable. */
  publish<T extends Topic>(topic: T, message: BusMessages[T]): void
}
