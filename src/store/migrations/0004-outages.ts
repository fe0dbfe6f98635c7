import type { Kysely } from 'kysely'

/** Outages that agents told of when they were back. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('outage')
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('agent_id', 'text', (column) => column.notNull())
    .addColumn('since_ms', 'bigint', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('outage_key', ['agent_id', 'id'])
    .execute()
  await db.schema.createIndex('outage_since').on('outage').columns(['agent_id', 'since_ms']).execute()
}
