import { type Kysely, sql } from 'kysely'

/** As long as the certificate that such a device holds could live anyway: everybody signs in once within a day. */
const GRACE_MS = 86_400_000

interface SignInRows {
  device: {
    id: string
    userId: string
    enabled: number
    enrolledMs: number
    lastAddress: string | null
  }
  object: { id: string; kind: string; spec: string }
  signIn: {
    id: string
    userId: string
    deviceId: string
    atMs: number
    fromAddress: string | null
    endMs: number
  }
}

/**
 * A sign-in is an object with an end, and a device has one or renews nothing. A device from before gets one that ends a
 * day from now, unless it or its user is disabled.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sign_in')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('from_address', 'text')
    .addColumn('end_ms', 'bigint', (column) => column.notNull())
    .addColumn('ended_ms', 'bigint')
    .addColumn('ended_because', 'text')
    .addColumn('ended_by', 'text')
    .execute()
  // At most one of a device stands.
  await sql`create unique index sign_in_standing on sign_in (device_id) where ended_ms is null`.execute(db)
  await sql`create index sign_in_user on sign_in (user_id) where ended_ms is null`.execute(db)
  await db.schema.createIndex('sign_in_device').on('sign_in').columns(['device_id', 'at_ms']).execute()

  const rows = db as Kysely<SignInRows>
  const users = await rows.selectFrom('object').select(['id', 'spec']).where('kind', '=', 'user').execute()
  const disabled = new Set(users.filter(({ spec }) => saysDisabled(spec)).map(({ id }) => id))
  const devices = await rows
    .selectFrom('device')
    .select(['id', 'userId', 'enrolledMs', 'lastAddress'])
    .where('enabled', '=', 1)
    .execute()
  const endMs = Date.now() + GRACE_MS
  for (const { id, userId, enrolledMs, lastAddress } of devices) {
    if (disabled.has(userId)) continue
    await rows
      .insertInto('signIn')
      .values({
        ...{ id: `sgn_${id.slice(4)}`, userId, deviceId: id, atMs: enrolledMs },
        ...{ fromAddress: lastAddress, endMs },
      })
      .execute()
  }
}

function saysDisabled(spec: string): boolean {
  try {
    return (JSON.parse(spec) as { enabled?: unknown } | null)?.enabled === false
  } catch {
    return false // What cannot be read lets nobody in, whatever its devices hold.
  }
}
