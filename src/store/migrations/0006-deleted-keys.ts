import type { Kysely } from 'kysely'

/** Keys that were deleted are remembered by the hash of their secret: who comes with one is told what became of it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('deleted_key')
    .addColumn('secret_hash', 'text', (column) => column.primaryKey())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('deleted_by', 'text', (column) => column.notNull())
    .addColumn('deleted_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('deleted_key_time').on('deleted_key').column('deleted_ms').execute()
}
