/**
 * Many objects with few statements: what one costs is mostly the making of its statements. For what needs no more than to
 * be written: everything that a single write looks for has been looked for before.
 *
 * @module
 */
import { OBJECT_KINDS, type ObjectKind } from '../api/kinds.ts'
import { forIds, insertRows } from './insert-rows.ts'
import type { StoreScope } from './scope.ts'
import type { Tables } from './tables.ts'

/**
 * New ones, and new versions of some that are there.
 *
 * @param changed Those that are there. @param uses What they all refer to.
 */
export async function writeRows(
  scope: StoreScope,
  rows: readonly (Tables['object'] & { readonly kind: ObjectKind })[],
  changed: readonly string[],
  uses: readonly Tables['reference'][],
): Promise<void> {
  const { db } = scope
  const written = insertRows(db, rows, (some) =>
    db
      .insertInto('object')
      .values(some)
      .onConflict((conflict) =>
        conflict.column('id').doUpdateSet((set) => ({
          name: set.ref('excluded.name'),
          version: set.ref('excluded.version'),
          spec: set.ref('excluded.spec'),
          updatedMs: set.ref('excluded.updatedMs'),
        })),
      ),
  )
  for await (const { some } of written) {
    for (const { kind, id } of some) scope.touch(kind, id, { policy: OBJECT_KINDS[kind].policy })
  }
  await Array.fromAsync(forIds(db, changed, (some) => db.deleteFrom('reference').where('fromId', 'in', some)))
  await Array.fromAsync(insertRows(db, uses, (some) => db.insertInto('reference').values(some)))
}

/** Which of these something else refers to. */
export async function referredTo({ db }: StoreScope, ids: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>()
  const select = (some: readonly string[]) =>
    db.selectFrom('reference').select('toId').where('toId', 'in', some)
  for await (const { rows } of forIds(db, ids, select)) for (const { toId } of rows) found.add(toId)
  return found
}

/** Those that nothing refers to. */
export async function deleteRows(scope: StoreScope, kind: ObjectKind, ids: readonly string[]): Promise<void> {
  const { db } = scope
  await Array.fromAsync(forIds(db, ids, (some) => db.deleteFrom('reference').where('fromId', 'in', some)))
  await Array.fromAsync(forIds(db, ids, (some) => db.deleteFrom('object').where('id', 'in', some)))
  if (kind === 'user')
    await Array.fromAsync(forIds(db, ids, (some) => db.deleteFrom('password').where('userId', 'in', some)))
  for (const id of ids) {
    if (kind === 'user') scope.publish('identity', { kind, id })
    scope.touch(kind, id, { policy: OBJECT_KINDS[kind].policy })
  }
}
