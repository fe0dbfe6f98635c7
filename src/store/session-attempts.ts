/**
 * A session that failed over is one record to whoever reads: attempts that failed before their user noticed are not
 * listed, and stand in the session that came of them.
 *
 * @module
 */
import { sql } from 'kysely'
import { inList } from './page.ts'
import type { StoreScope } from './scope.ts'
import { recordOf, type SessionRecord } from './session-record.ts'
import { knownSessionOf } from './session-row.ts'

/** Condition on rows of `session`. One of another device, or of nobody, hides nothing. */
export const STANDS_ALONE = sql`(session.continued_as is null or not exists (
  select 1 from session as later where later.id = session.continued_as and later.device_id = session.device_id))`

/** Each with what was tried before it. */
export async function withAttempts(
  { db }: StoreScope,
  records: readonly SessionRecord[],
): Promise<SessionRecord[]> {
  const ids = records.map(({ id }) => id)
  const rows =
    ids.length === 0
      ? []
      : await db
          .selectFrom('session')
          .selectAll()
          .where('continuedAs', 'in', inList(ids))
          .orderBy('id')
          .execute()
  if (rows.length === 0) return [...records]
  const attempts = Map.groupBy(rows, ({ continuedAs }) => continuedAs!)
  return records.map((record) => {
    const own = (attempts.get(record.id) ?? []).filter(({ deviceId }) => deviceId === record.device)
    return own.length === 0
      ? record
      : { ...record, attempts: own.map((row) => recordOf(knownSessionOf(row))) }
  })
}
