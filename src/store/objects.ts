import { HOME_EDGE, type Kind, OBJECT_KINDS, type ObjectKind, type ObjectSpecs } from '../api/kinds.ts'
import { Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { nextTurn, turnIsOver } from '../base/slices.ts'
import { goneOrNever, notFound } from './absent.ts'
import { deleteRows, referredTo, writeRows } from './bulk-write.ts'
import { byIdOrName } from './by-id-or-name.ts'
import { type Deletion, deletionsOf, lastRestoration, type Restoration } from './deletions.ts'
import { endEdgeIdentity } from './edge-identities.ts'
import { checkVersion, type ExpectedVersion } from './expected-version.ts'
import { allRows, idsAtOnce, listPage, type Page, type PageQuery } from './page.ts'
import { allNames, keepReferences, namesByIds, namesOfAll, resolveReferences } from './references.ts'
import type { StoreScope } from './scope.ts'
import { endSignIns } from './sign-ins.ts'
import type { Tables } from './tables.ts'
import { usersOf } from './uses.ts'

/** A declared object as stored: references in `spec` are ids. */
export interface StoredObject<K extends ObjectKind = ObjectKind> {
  readonly kind: K
  readonly id: string
  readonly name: string
  /** 1 when created, one more with every change. */
  readonly version: number
  readonly spec: ObjectSpecs[K]
  readonly createdMs: number
  readonly updatedMs: number
}

export interface PutObject<K extends ObjectKind> {
  readonly kind: K
  /** Of the object to change; of one to create only where the id is decided elsewhere (an edge). */
  readonly id?: string
  readonly name: string
  /** Already checked against the schema of the kind; references are names or ids. */
  readonly spec: ObjectSpecs[K]
  /** Refuses with PRECONDITION_FAILED when the stored version is another. */
  readonly expectVersion?: ExpectedVersion
  /** Who does it: remembered where a user is disabled, which signs out their devices. */
  readonly by?: string
}

/** Declared objects of all kinds, and the references between them. */
export class Objects {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  async find<K extends ObjectKind>(kind: K, idOrName: string): Promise<StoredObject<K> | undefined> {
    const row = await findRow(this.#scope, kind, idOrName)
    return row && fromRow<K>(row)
  }

  /** @throws {Fault} NOT_FOUND. */
  async get<K extends ObjectKind>(kind: K, idOrName: string): Promise<StoredObject<K>> {
    const found = await this.find(kind, idOrName)
    if (found === undefined) throw await goneOrNever(this.#scope, kind, idOrName)
    return found
  }

  /** Those of this kind that were deleted not long ago, newest first. */
  restoration(): Promise<Restoration | undefined> {
    return lastRestoration(this.#scope)
  }

  deletions(kind: Kind): Promise<Deletion[]> {
    return deletionsOf(this.#scope, kind)
  }

  /** In order of name. */
  list<K extends ObjectKind>(kind: K, query: PageQuery): Promise<Page<StoredObject<K>>> {
    return listPage(query, {
      read: (after, limit) => {
        const rows = this.#scope.db
          .selectFrom('object')
          .selectAll()
          .where('kind', '=', kind)
          .orderBy('name')
          .limit(limit)
        return (after === undefined ? rows : rows.where('name', '>', after)).execute()
      },
      key: ({ name }) => name,
      item: (row) => fromRow<K>(row),
    })
  }

  /**
   * Every object of a kind, in order of name. A consistent whole within a transaction.
   *
   * @param onUnreadable Told of each object whose spec is no JSON object; it comes with an empty one.
   */
  async all<K extends ObjectKind>(
    kind: K,
    onUnreadable?: (object: StoredObject<K>, why: string) => void,
  ): Promise<StoredObject<K>[]> {
    const objects: StoredObject<K>[] = []
    await allRows(async (last: Tables['object'] | undefined, limit) => {
      let query = this.#scope.db.selectFrom('object').selectAll().where('kind', '=', kind)
      if (last !== undefined) query = query.where('name', '>', last.name)
      const rows = await query.orderBy('name').limit(limit).execute()
      for (const row of rows) objects.push(fromRow<K>(row, onUnreadable))
      return rows
    })
    return objects
  }

  /**
   * Those of a kind that have one of these ids, in no order.
   *
   * @param onUnreadable As of `all`.
   */
  async byIds<K extends ObjectKind>(
    kind: K,
    ids: readonly string[],
    onUnreadable?: (object: StoredObject<K>, why: string) => void,
  ): Promise<StoredObject<K>[]> {
    const found: StoredObject<K>[] = []
    for (const some of idsAtOnce(ids)) {
      // Asked for the kind, too, SQLite would go through all of that kind for each list.
      const rows = await this.#scope.db.selectFrom('object').selectAll().where('id', 'in', some).execute()
      for (const row of rows) if (row.kind === kind) found.push(fromRow<K>(row, onUnreadable))
      if (turnIsOver()) await nextTurn()
    }
    return found
  }

  /**
   * Creates or changes an object. Writing what is already stored changes nothing, not even the version.
   *
   * @throws {Fault} INVALID if a reference leads nowhere, CONFLICT if the name is taken, PRECONDITION_FAILED.
   */
  async put<K extends ObjectKind>(put: PutObject<K>): Promise<StoredObject<K>> {
    return this.#scope.atomically(async (scope) => {
      const { db } = scope
      const { kind, name } = put
      const nowMs = scope.clock.nowMs()
      const spec = JSON.stringify(await resolveReferences(scope, kind, put.spec))
      const before = put.id === undefined ? undefined : await rowBy(scope, kind, 'id', put.id)
      checkVersion(kind, put.id ?? name, before?.version, put.expectVersion)
      if (kind === 'edge' && before?.name === HOME_EDGE) {
        const refused = name !== HOME_EDGE ? 'keeps its name' : isDisabled(put.spec) && 'cannot be disabled'
        if (refused) throw new Fault('CONFLICT', `edge ${HOME_EDGE} is the server itself, and ${refused}`)
      }
      const namesake = await rowBy(scope, kind, 'name', name)
      if (namesake !== undefined && namesake.id !== before?.id) {
        throw new Fault(
          'CONFLICT',
          `the ${OBJECT_KINDS[kind].title} ${namesake.id} already has the name ${name}`,
        )
      }
      if (before !== undefined && before.name === name && before.spec === spec) return fromRow<K>(before)

      const row: Tables['object'] = {
        kind,
        id: before?.id ?? put.id ?? newId(OBJECT_KINDS[kind].prefix, nowMs),
        name,
        version: (before?.version ?? 0) + 1,
        spec,
        createdMs: before?.createdMs ?? nowMs,
        updatedMs: nowMs,
      }
      if (before === undefined) await db.insertInto('object').values(row).execute()
      else await db.updateTable('object').set(row).where('id', '=', row.id).execute()

      if (kind === 'user' && (JSON.parse(spec) as ObjectSpecs['user']).enabled === false) {
        await endSignIns(scope, { userId: row.id }, { by: put.by, because: 'user-disabled' })
      }
      await keepReferences(scope, { kind, id: row.id }, JSON.parse(spec))
      scope.touch(kind, row.id, { policy: OBJECT_KINDS[kind].policy })
      if (kind === 'user' || kind === 'edge') scope.publish('identity', { kind, id: row.id })
      return fromRow<K>(row)
    })
  }

  /** @throws {Fault} NOT_FOUND, PRECONDITION_FAILED, or IN_USE naming what refers to it. */
  async delete(
    kind: ObjectKind,
    idOrName: string,
    o: { expectVersion?: ExpectedVersion } = {},
  ): Promise<void> {
    await this.#scope.atomically(async (scope) => {
      const row = await findRow(scope, kind, idOrName)
      if (row === undefined) throw notFound(kind, idOrName)
      checkVersion(kind, idOrName, row.version, o.expectVersion)
      if (kind === 'edge' && row.name === HOME_EDGE) {
        throw new Fault('CONFLICT', `edge ${HOME_EDGE} is the server itself, and is removed with it`)
      }
      const users = await usersOf(scope, row.id)
      if (users.length > 0) {
        throw new Fault('IN_USE', `${OBJECT_KINDS[kind].title} ${row.name} is used by ${users.join(', ')}`, {
          seen: { users },
        })
      }
      await scope.db.deleteFrom('reference').where('fromId', '=', row.id).execute()
      await scope.db.deleteFrom('object').where('id', '=', row.id).execute()
      if (kind === 'edge') {
        await endEdgeIdentity(scope, row.id, 'the edge was deleted')
        await scope.db.deleteFrom('outage').where('agentId', '=', row.id).execute()
        scope.publish('identity', { kind, id: row.id })
      }
      if (kind === 'user') {
        await scope.db.deleteFrom('password').where('userId', '=', row.id).execute()
        scope.publish('identity', { kind: 'user', id: row.id })
      }
      scope.touch(kind, row.id, { policy: OBJECT_KINDS[kind].policy })
    })
  }

  /**
   * Writes many at once. None of an edge, and no user that is disabled by it: more than the object changes then.
   *
   * @returns the versions they have now.
   */
  async writeAll(some: readonly ResolvedObject[]): Promise<number[]> {
    return this.#scope.atomically(async (scope) => {
      const nowMs = scope.clock.nowMs()
      const rows = some.map(({ kind, id, name, spec, before }) => {
        const version = (before?.version ?? 0) + 1
        return { kind, id, name, version, spec, createdMs: before?.createdMs ?? nowMs, updatedMs: nowMs }
      })
      const changed = some.filter(({ before }) => before !== undefined).map(({ id }) => id)
      const uses = some.flatMap((one) => one.uses)
      await writeRows(scope, rows, changed, uses)
      for (const { kind, id } of some) if (kind === 'user') scope.publish('identity', { kind, id })
      return rows.map(({ version }) => version)
    })
  }

  /** Deletes many of a kind at once, no edges. @returns Nothing was done: these are referred to. */
  async deleteAll(kind: ObjectKind, ids: readonly string[]): Promise<Set<string>> {
    return this.#scope.atomically(async (scope) => {
      const used = await referredTo(scope, ids)
      if (used.size === 0) await deleteRows(scope, kind, ids)
      return used
    })
  }

  /** Names of what each spec refers to, by id, so that people need not read ids. */
  namesOf(
    objects: readonly { readonly kind: ObjectKind; readonly spec: object }[],
  ): Promise<Record<string, string>[]> {
    return namesOfAll(this.#scope, objects)
  }

  /** What references can mean beside objects: ids and names of all of a kind. */
  allNames(
    kind: 'client-device' | 'connector',
  ): AsyncIterable<{ readonly id: string; readonly name: string }> {
    return allNames(this.#scope, kind === 'connector' ? 'connector' : 'device')
  }

  /** Some of what refers to it, as people read it. */
  usedBy(id: string): Promise<string[]> {
    return usersOf(this.#scope, id)
  }

  /** Names of objects, connectors and devices by id, of those that there are. */
  namesByIds(ids: Iterable<string>): Promise<Map<string, string>> {
    return namesByIds(this.#scope, ids)
  }
}

/** An object whose references are ids, and of which everything that `put` looks for has been looked for. */
export interface ResolvedObject {
  readonly kind: ObjectKind
  readonly id: string
  readonly name: string
  /** JSON. */
  readonly spec: string
  readonly uses: readonly Tables['reference'][]
  /** Of the one that it takes the place of. */
  readonly before?: { readonly version: number; readonly createdMs: number }
}

function isDisabled(spec: object): boolean {
  return 'enabled' in spec && spec.enabled === false
}

/** Whatever its spec is, an object can be listed, replaced and deleted: one that is no JSON object comes as empty. */
function fromRow<K extends ObjectKind>(
  row: Tables['object'],
  onUnreadable: (object: StoredObject<K>, why: string) => void = () => {},
): StoredObject<K> {
  const kind = row.kind as K
  try {
    const spec: unknown = JSON.parse(row.spec)
    if (typeof spec !== 'object' || spec === null) throw new Fault('INVALID', 'it is not an object')
    return { ...row, kind, spec: spec as ObjectSpecs[K] }
  } catch (error) {
    const empty = { ...row, kind, spec: {} as ObjectSpecs[K] }
    onUnreadable(empty, String(error))
    return empty
  }
}

function findRow(scope: StoreScope, kind: ObjectKind, idOrName: string) {
  return byIdOrName(idOrName, (column, word) => rowBy(scope, kind, column, word))
}

function rowBy({ db }: StoreScope, kind: ObjectKind, column: 'id' | 'name', word: string) {
  return db
    .selectFrom('object')
    .selectAll()
    .where('kind', '=', kind)
    .where(column, '=', word)
    .executeTakeFirst()
}
