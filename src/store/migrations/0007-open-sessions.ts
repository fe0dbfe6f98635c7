import type { Kysely } from 'kysely'

/** Sessions that are open are looked through often, and are few among millions. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createIndex('session_open')
    .on('session')
    .column('id')
    .where('state' as never, '=', 'open' as never)
    .execute()
}
