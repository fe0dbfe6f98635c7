import type { Kysely } from 'kysely'

/** What only a client has told of is bounded by device, and found for that. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('session')
    .addColumn('client_only', 'integer', (column) => column.notNull().defaultTo(0))
    .execute()
  await db.schema
    .createIndex('session_client_only')
    .on('session')
    .columns(['device_id', 'id'])
    .where('client_only' as never, '=', 1 as never)
    .execute()
}
