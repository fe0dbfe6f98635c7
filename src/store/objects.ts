import { InvalidFault, pointerOf } from '../api/invalid.ts'
import { called, type Kind, OBJECT_KINDS, type ObjectKind, type ObjectSpecs } from '../api/kinds.ts'
import { mapReferences, referencesOf } from '../api/references.ts'
import { Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { nearest } from '../base/nearest.ts'
import { endEdgeIdentity } from './edge-identities.ts'
import { cursorKey, type Page, type PageQuery, pageOf } from './page.ts'
import type { Scope } from './scope.ts'
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
  readonly expectVersion?: number
}

/** Declared objects of all kinds, and the references between them. */
export class Objects {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  async find<K extends ObjectKind>(kind: K, idOrName: string): Promise<StoredObject<K> | undefined> {
    const row = await this.#scope.db
      .selectFrom('object')
      .selectAll()
      .where('kind', '=', kind)
      .where((where) => where.or([where('id', '=', idOrName), where('name', '=', idOrName)]))
      .executeTakeFirst()
    return row && fromRow<K>(row)
  }

  /** @throws {Fault} NOT_FOUND. */
  async get<K extends ObjectKind>(kind: K, idOrName: string): Promise<StoredObject<K>> {
    const found = await this.find(kind, idOrName)
    if (found === undefined) throw notFound(kind, idOrName)
    return found
  }

  /** In order of name. */
  async list<K extends ObjectKind>(kind: K, { limit, cursor }: PageQuery): Promise<Page<StoredObject<K>>> {
    const after = cursorKey(cursor)
    let query = this.#scope.db.selectFrom('object').selectAll().where('kind', '=', kind)
    if (after !== undefined) query = query.where('name', '>', after)
    const rows = await query
      .orderBy('name')
      .limit(limit + 1)
      .execute()
    const page = pageOf(rows, limit, (row) => row.name)
    return { ...page, items: page.items.map((row) => fromRow<K>(row)) }
  }

  /** Every object of a kind, in order of name. */
  async all<K extends ObjectKind>(kind: K): Promise<StoredObject<K>[]> {
    const rows = await this.#scope.db
      .selectFrom('object')
      .selectAll()
      .where('kind', '=', kind)
      .orderBy('name')
      .execute()
    return rows.map((row) => fromRow<K>(row))
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
      const spec = JSON.stringify(await resolve(scope, kind, put.spec))
      const before = put.id === undefined ? undefined : await findRow(scope, kind, put.id)
      checkVersion(kind, put.id ?? name, before?.version, put.expectVersion)
      const namesake = await findRow(scope, kind, name)
      if (namesake !== undefined && namesake.id !== before?.id) {
        throw new Fault(
          'CONFLICT',
          `the ${OBJECT_KINDS[kind].title} ${namesake.id} is already called ${name}`,
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

      await db.deleteFrom('reference').where('fromId', '=', row.id).execute()
      const uses = new Map(
        referencesOf(kind, JSON.parse(spec)).map((reference) => [reference.value, reference.kind]),
      )
      if (uses.size > 0) {
        await db
          .insertInto('reference')
          .values([...uses].map(([toId, toKind]) => ({ fromKind: kind, fromId: row.id, toKind, toId })))
          .execute()
      }
      scope.touch(kind, row.id, { policy: OBJECT_KINDS[kind].policy })
      if (kind === 'user' || kind === 'edge') scope.publish('identity', { kind, id: row.id })
      return fromRow<K>(row)
    })
  }

  /** @throws {Fault} NOT_FOUND, PRECONDITION_FAILED, or IN_USE naming what refers to it. */
  async delete(kind: ObjectKind, idOrName: string, o: { expectVersion?: number } = {}): Promise<void> {
    await this.#scope.atomically(async (scope) => {
      const row = await findRow(scope, kind, idOrName)
      if (row === undefined) throw notFound(kind, idOrName)
      checkVersion(kind, idOrName, row.version, o.expectVersion)
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

  /** Names of what the spec refers to, by id, so that people need not read ids. */
  async namesOf(kind: ObjectKind, spec: object): Promise<Record<string, string>> {
    const names: Record<string, string> = {}
    for (const { kind: to, value } of referencesOf(kind, spec)) {
      const found = await lookUp(this.#scope, to, value)
      if (found[0] !== undefined) names[value] = found[0].name
    }
    return names
  }
}

/** @throws {Fault} PRECONDITION_FAILED, also when an object is expected and there is none. */
export function checkVersion(kind: Kind, name: string, is: number | undefined, expected?: number): void {
  if (expected === undefined || expected === is) return
  throw new Fault('PRECONDITION_FAILED', `${called(kind).title} ${name} is at version ${is ?? 'none'}`, {
    seen: { expected, is: is ?? 'none' },
  })
}

export function notFound(kind: Kind, idOrName: string): Fault {
  return new Fault('NOT_FOUND', `there is no ${called(kind).title} ${idOrName}`)
}

function fromRow<K extends ObjectKind>(row: Tables['object']): StoredObject<K> {
  return { ...row, kind: row.kind as K, spec: JSON.parse(row.spec) as ObjectSpecs[K] }
}

function findRow(scope: Scope, kind: ObjectKind, idOrName: string) {
  return scope.db
    .selectFrom('object')
    .selectAll()
    .where('kind', '=', kind)
    .where((where) => where.or([where('id', '=', idOrName), where('name', '=', idOrName)]))
    .executeTakeFirst()
}

/** What an id or name can mean. Devices of two users may share a name; everything else is unique. */
async function lookUp(scope: Scope, kind: Kind, idOrName: string): Promise<{ id: string; name: string }[]> {
  const table = kind === 'client-device' ? 'device' : kind === 'connector' ? 'connector' : 'object'
  let query = scope.db
    .selectFrom(table)
    .select(['id', 'name'])
    .where((where) => where.or([where('id', '=', idOrName), where('name', '=', idOrName)]))
  if (table === 'object') query = query.where('kind', '=', kind)
  return query.execute()
}

/** The spec with every reference as an id. @throws {InvalidFault} naming each that leads nowhere. */
async function resolve<S extends object>(scope: Scope, kind: ObjectKind, spec: S): Promise<S> {
  const ids = new Map<string, string>()
  const errors: { pointer: string; detail: string }[] = []
  for (const { kind: to, value, path } of referencesOf(kind, spec)) {
    const found = await lookUp(scope, to, value)
    if (found.length === 1) ids.set(`${to} ${value}`, found[0]!.id)
    else errors.push({ pointer: pointerOf(path), detail: await whyNot(scope, to, value, found) })
  }
  if (errors.length > 0) throw new InvalidFault(errors)
  return mapReferences(kind, spec, ({ kind: to, value }) => ids.get(`${to} ${value}`)!)
}

async function whyNot(scope: Scope, kind: Kind, value: string, found: { id: string }[]): Promise<string> {
  const { title } = called(kind)
  if (found.length > 1) {
    return `"${value}" can be any of ${found.map((one) => one.id).join(', ')}: give the id of the ${title}`
  }
  const known = await scope.db
    .selectFrom('object')
    .select('name')
    .where('kind', '=', kind)
    .orderBy('name')
    .limit(1000)
    .execute()
  const near = nearest(
    value,
    known.map((row) => row.name),
  )
  return `there is no ${title} "${value}"${near === undefined ? '' : `: did you mean "${near}"?`}`
}
