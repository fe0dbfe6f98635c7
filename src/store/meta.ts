import type { Kysely } from 'kysely'
import type { Tables } from './tables.ts'

/** Sets one of the few values that are of the store as a whole. */
export async function setMeta(db: Kysely<Tables>, key: string, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute()
}
