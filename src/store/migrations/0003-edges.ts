import type { Kysely } from 'kysely'

/** Edges that run as processes of their own: the certificate each holds, and keys that enrol one. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('provisioning_key').addColumn('edge_id', 'text').execute()
  await db.schema
    .createTable('edge_identity')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('key_id', 'text')
    .addColumn('public_key_hash', 'text', (column) => column.notNull().unique())
    .addColumn('thumbprint', 'text', (column) => column.notNull())
    .addColumn('serial', 'text', (column) => column.notNull())
    .addColumn('generation', 'integer', (column) => column.notNull())
    .addColumn('host', 'text', (column) => column.notNull())
    .addColumn('enrolled_ms', 'bigint', (column) => column.notNull())
    .addColumn('not_after_ms', 'bigint', (column) => column.notNull())
    .addColumn('last_address', 'text')
    .addColumn('last_seen_ms', 'bigint')
    .execute()
}
