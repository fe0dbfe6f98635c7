import { sql } from 'kysely'
import { DELETED_AT_ONCE, deleteAll } from './page.ts'
import type { StoreScope } from './scope.ts'

export interface Sweep {
  readonly table: 'revokedSerial' | 'revokedGrant' | 'grantIssued' | 'denial'
  readonly key: 'serial' | 'id'
  /** There is an index on it. */
  readonly time: 'expiresMs' | 'atMs'
  /** That and what is earlier goes. */
  readonly beforeMs: number
}

/** Forgets rows of which the time has come, some after some: whoever writes meanwhile comes between. */
export async function sweepTable(scope: StoreScope, { table, key, time, beforeMs }: Sweep): Promise<void> {
  const [from, id, at] = [sql.table(table), sql.ref(key), sql.ref(time)]
  const some = sql`select ${id} from ${from} where ${at} <= ${beforeMs} order by ${at} limit ${DELETED_AT_ONCE}`
  await deleteAll(() =>
    scope.atomically(async ({ db }) => {
      const { numAffectedRows } = await sql`delete from ${from} where ${id} in (${some})`.execute(db)
      return numAffectedRows ?? 0n
    }, 'later'),
  )
}
