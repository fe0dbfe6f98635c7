import type { Kysely } from 'kysely'

/** What was refused to whom, so that its id can be asked about. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('denial')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('user_id', 'text')
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('denial_device').on('denial').columns(['device_id', 'id']).execute()
}
