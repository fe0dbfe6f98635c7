import { called, type Kind } from '../api/kinds.ts'
import type { StoreScope } from './scope.ts'

const LIMIT = 20

/** What refers to an object, as words for a person: "access rule staff-wiki (rul_…)". At most 20. */
export async function usersOf(scope: StoreScope, id: string): Promise<string[]> {
  const rows = await scope.db
    .selectFrom('reference')
    .select(['fromKind', 'fromId'])
    .where('toId', '=', id)
    // Rules before devices: of very many some are named.
    .orderBy('fromKind')
    .orderBy('fromId')
    .limit(LIMIT)
    .execute()
  return Promise.all(
    rows.map(async ({ fromKind, fromId }) => {
      const kind = fromKind as Kind
      const name = await nameOf(scope, kind, fromId)
      return `${called(kind).title} ${name ?? ''} (${fromId})`
    }),
  )
}

const TABLE = {
  'provisioning-key': 'provisioningKey',
  connector: 'connector',
  'client-device': 'device',
} as const

async function nameOf(scope: StoreScope, kind: Kind, id: string): Promise<string | undefined> {
  const table = Object.hasOwn(TABLE, kind) ? TABLE[kind as keyof typeof TABLE] : 'object'
  const row = await scope.db.selectFrom(table).select('name').where('id', '=', id).executeTakeFirst()
  return row?.name
}

/** Typed records refer to objects too: replaces what `from` refers to. */
export async function setUses(
  scope: StoreScope,
  from: { kind: Kind; id: string },
  to: readonly { kind: Kind; id: string }[],
): Promise<void> {
  await scope.db.deleteFrom('reference').where('fromId', '=', from.id).execute()
  if (to.length === 0) return
  await scope.db
    .insertInto('reference')
    .values(to.map((one) => ({ fromKind: from.kind, fromId: from.id, toKind: one.kind, toId: one.id })))
    .execute()
}
