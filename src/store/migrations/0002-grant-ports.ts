import type { Kysely } from 'kysely'

/** Ports of a grant, as JSON: taking some of them from its segment ends it. Empty for grants from before. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('grant_issued')
    .addColumn('ports', 'text', (c) => c.notNull().defaultTo(''))
    .execute()
}
