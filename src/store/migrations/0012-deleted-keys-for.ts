import type { Kysely } from 'kysely'

/** What a deleted key was for: whoever comes with it is told how the next one is made. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('deleted_key')
    .addColumn('group_id', 'text', (column) => column.notNull().defaultTo(''))
    .execute()
  await db.schema.alterTable('deleted_key').addColumn('edge_id', 'text').execute()
}
