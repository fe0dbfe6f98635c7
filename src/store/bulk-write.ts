/**
 * Many objects with few statements: what one costs is mostly the making of its statements. For what needs no more than to
 * be written: everything that a single write looks for has been looked for before.
 *
 * @module
 */
import { OBJECT_KINDS, type ObjectKind } from '../api/kinds.ts'
import { referencesOf } from '../api/references.ts'
import { nextTurn, turnIsOver } from '../base/slices.ts'
import { inParts, insertRows } from './insert-rows.ts'
import { inList } from './page.ts'
import type { Scope } from './scope.ts'
import type { Tables } from './tables.ts'

/** New ones, and new versions of some that are there. References in their specs are ids. */
export async function writeRows(
  scope: Scope,
  rows: readonly (Tables['object'] & { readonly kind: ObjectKind })[],
  changed: ReadonlySet<string>,
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
  for await (const some of written) {
    const before = some.filter(({ id }) => changed.has(id)).map(({ id }) => id)
    if (before.length > 0) await db.deleteFrom('reference').where('fromId', 'in', inList(before)).execute()
    for (const { kind, id } of some) scope.touch(kind, id, { policy: OBJECT_KINDS[kind].policy })
  }
  const uses = rows.flatMap(({ kind, id, spec }) => {
    const to = new Map(referencesOf(kind, JSON.parse(spec)).map((one) => [one.value, one.kind]))
    return [...to].map(([toId, toKind]) => ({ fromKind: kind, fromId: id, toKind, toId }))
  })
  await Array.fromAsync(insertRows(db, uses, (some) => db.insertInto('reference').values(some)))
}

/** Which of these something else refers to. */
export async function referredTo({ db }: Scope, ids: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>()
  for (const some of inParts(ids)) {
    const rows = await db.selectFrom('reference').select('toId').where('toId', 'in', inList(some)).execute()
    for (const { toId } of rows) found.add(toId)
    if (turnIsOver()) await nextTurn()
  }
  return found
}

/** Those that nothing refers to. */
export async function deleteRows(scope: Scope, kind: ObjectKind, ids: readonly string[]): Promise<void> {
  const { db } = scope
  for (const some of inParts(ids)) {
    await db.deleteFrom('reference').where('fromId', 'in', inList(some)).execute()
    await db.deleteFrom('object').where('id', 'in', inList(some)).execute()
    if (kind === 'user') await db.deleteFrom('password').where('userId', 'in', inList(some)).execute()
    for (const id of some) {
      if (kind === 'user') scope.publish('identity', { kind, id })
      scope.touch(kind, id, { policy: OBJECT_KINDS[kind].policy })
    }
    if (turnIsOver()) await nextTurn()
  }
}
