import { sql } from 'kysely'
import { nextTurn } from '../base/slices.ts'
import type { OpenCount } from './open-count.ts'
import { DELETED_AT_ONCE, deleteAll, inList } from './page.ts'
import type { StoreScope } from './scope.ts'

/** Sessions that only their client has told of are kept, of one device; over it the oldest go. */
const MAX_CLIENT_ONLY = 50_000

/** Forgets sessions that nothing was told of after `beforeMs`, by our clock, open ones too: agents tell of those again. */
export async function sweepSessions(scope: StoreScope, beforeMs: number, open: OpenCount): Promise<void> {
  await deleteAll(() =>
    scope.atomically(async (tx) => {
      const rows = await tx.db
        .selectFrom('session')
        .select(['id', 'state'])
        .where('revision', '<', beforeMs)
        .orderBy('revision')
        .limit(DELETED_AT_ONCE)
        .execute()
      return forget(tx, rows, open)
    }, 'later'),
  )
}

export async function sweepClientOnly(
  scope: StoreScope,
  open: OpenCount,
  most = MAX_CLIENT_ONLY,
): Promise<void> {
  for (const [device, count] of await clientOnly(scope)) {
    let left = count - most
    if (left <= 0) continue
    await deleteAll(() =>
      scope.atomically(async (tx) => {
        const rows = await tx.db
          .selectFrom('session')
          .select(['id', 'state'])
          .where('clientOnly', '=', sql.lit(1))
          .where('deviceId', '=', device)
          .orderBy('id')
          .limit(Math.min(left, DELETED_AT_ONCE))
          .execute()
        left -= rows.length
        return forget(tx, rows, open)
      }, 'later'),
    )
  }
}

async function forget(
  { db, committed }: StoreScope,
  rows: readonly { readonly id: string; readonly state: string }[],
  open: OpenCount,
): Promise<bigint> {
  if (rows.length === 0) return 0n
  const ids = rows.map(({ id }) => id)
  await db.deleteFrom('session').where('id', 'in', inList(ids)).execute()
  committed(() => open.add(-rows.filter(({ state }) => state === 'open').length))
  return BigInt(rows.length)
}

/** As many are counted in one turn. */
const COUNTED_AT_ONCE = 4096

/** How many there are of each device. */
async function clientOnly({ db }: StoreScope): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let last = { deviceId: '', id: '' }; ; ) {
    const rows = await db
      .selectFrom('session')
      .select(['deviceId', 'id'])
      .where('clientOnly', '=', sql.lit(1))
      .where(sql<boolean>`(device_id, id) > (${last.deviceId}, ${last.id})`)
      .orderBy('deviceId')
      .orderBy('id')
      .limit(COUNTED_AT_ONCE)
      .$narrowType<{ deviceId: string }>()
      .execute()
    for (const { deviceId } of rows) counts.set(deviceId, (counts.get(deviceId) ?? 0) + 1)
    if (rows.length < COUNTED_AT_ONCE) return counts
    last = rows.at(-1)!
    await nextTurn()
  }
}
