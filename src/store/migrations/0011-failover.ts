import { type Kysely, sql } from 'kysely'

/** A session that failed over is one record: the attempts before it name the one they went on as. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('session').addColumn('continued_as', 'text').execute()
  const index = sql`create index session_continued_as on session (continued_as) where continued_as is not null`
  await index.execute(db)
}
