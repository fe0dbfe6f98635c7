/**
 * References of objects: names become ids when they are written, ids get names when they are read. Looked up many at
 * a time, since one rule can name a thousand people and one page can hold a thousand rules.
 *
 * @module
 */
import { InvalidFault, MAX_ERRORS, pointerOf } from '../api/invalid.ts'
import { called, type Kind, type ObjectKind } from '../api/kinds.ts'
import { mapReferences, type Reference, referencesOf } from '../api/references.ts'
import { nearest } from '../base/nearest.ts'
import { nextTurn, turnIsOver } from '../base/slices.ts'
import { inList } from './page.ts'
import type { StoreScope } from './scope.ts'

/** What one id or name can mean: devices of two users may share a name; everything else is unique. */
type NameMeanings = ReadonlyMap<string, readonly { readonly id: string; readonly name: string }[]>

/** As many are asked for in one statement. */
const AT_ONCE = 256
/** As many of the unknown are told what they may have meant. */
const MAX_HINTS = 10
const MAX_KNOWN = 1000

/** The spec with every reference as an id. @throws {InvalidFault} naming each that leads nowhere, of many the first. */
export async function resolveReferences<S extends object>(
  scope: StoreScope,
  kind: ObjectKind,
  spec: S,
): Promise<S> {
  const references = referencesOf(kind, spec)
  const meant = await lookUp(scope, references)
  const wrong = references.filter(({ kind: to, value }) => meant.get(keyOf(to, value))?.length !== 1)
  if (wrong.length > 0) throw await leadNowhere(scope, wrong.slice(0, MAX_ERRORS), meant)
  return mapReferences(kind, spec, ({ kind: to, value }) => meant.get(keyOf(to, value))![0]!.id)
}

/** Names of what each spec refers to, by id, so that people need not read ids. */
export async function namesOfAll(
  scope: StoreScope,
  specs: readonly { readonly kind: ObjectKind; readonly spec: object }[],
): Promise<Record<string, string>[]> {
  const references = specs.map(({ kind, spec }) => referencesOf(kind, spec))
  const meant = await lookUp(scope, references.flat())
  return references.map((some) => {
    const names: Record<string, string> = {}
    for (const { kind: to, value } of some) {
      const found = meant.get(keyOf(to, value))?.[0]
      if (found !== undefined) names[value] = found.name
    }
    return names
  })
}

/** Names of these things, by id; what is gone has none. */
export async function namesByIds(scope: StoreScope, ids: Iterable<string>): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  const tables = Map.groupBy(new Set(ids), (id) => TABLES[id.slice(0, 4)] ?? 'object')
  for (const [table, of] of tables) {
    for (let at = 0; at < of.length; at += AT_ONCE) {
      if (turnIsOver()) await nextTurn()
      const rows = await scope.db
        .selectFrom(table)
        .select(['id', 'name'])
        .where('id', 'in', inList(of.slice(at, at + AT_ONCE)))
        .execute()
      for (const { id, name } of rows) names.set(id, name)
    }
  }
  return names
}

/** All devices, or connectors, with nothing but their names. */
export async function* allNames(
  { db }: StoreScope,
  table: 'device' | 'connector',
): AsyncGenerator<{ readonly id: string; readonly name: string }> {
  for (let last = ''; ; ) {
    const rows = await db
      .selectFrom(table)
      .select(['id', 'name'])
      .where('id', '>', last)
      .orderBy('id')
      .limit(NAMES_AT_ONCE)
      .execute()
    yield* rows
    if (rows.length < NAMES_AT_ONCE) return
    last = rows.at(-1)!.id
    if (turnIsOver()) await nextTurn()
  }
}

const NAMES_AT_ONCE = 512

const TABLES: Readonly<Record<string, 'device' | 'connector'>> = { dev_: 'device', con_: 'connector' }

/** Writes what `from` refers to, each once. */
export async function keepReferences(
  scope: StoreScope,
  from: { readonly kind: ObjectKind; readonly id: string },
  spec: object,
): Promise<void> {
  await scope.db.deleteFrom('reference').where('fromId', '=', from.id).execute()
  const uses = [...new Map(referencesOf(from.kind, spec).map(({ value, kind }) => [value, kind]))]
  for (let at = 0; at < uses.length; at += AT_ONCE) {
    if (turnIsOver()) await nextTurn()
    const rows = uses
      .slice(at, at + AT_ONCE)
      .map(([toId, toKind]) => ({ fromKind: from.kind, fromId: from.id, toKind, toId }))
    await scope.db.insertInto('reference').values(rows).execute()
  }
}

async function lookUp(scope: StoreScope, references: readonly Reference[]): Promise<NameMeanings> {
  const found = new Map<string, { id: string; name: string }[]>()
  for (const [kind, some] of Map.groupBy(references, (reference) => reference.kind)) {
    const values = [...new Set(some.map(({ value }) => value))]
    for (let at = 0; at < values.length; at += AT_ONCE) {
      if (turnIsOver()) await nextTurn()
      const asked = values.slice(at, at + AT_ONCE)
      const byId = await rowsOf(scope, kind, 'id', asked)
      const byName = await rowsOf(scope, kind, 'name', asked)
      for (const row of byId) push(found, keyOf(kind, row.id), row)
      const ids = new Set(byId.map(({ id }) => id))
      // As by-id-or-name.ts has it.
      for (const row of byName) if (!ids.has(row.name)) push(found, keyOf(kind, row.name), row)
    }
  }
  return found
}

function rowsOf(scope: StoreScope, kind: Kind, by: 'id' | 'name', values: readonly string[]) {
  const table = kind === 'client-device' ? 'device' : kind === 'connector' ? 'connector' : 'object'
  let query = scope.db.selectFrom(table).select(['id', 'name']).where(by, 'in', inList(values))
  if (table === 'object') query = query.where('kind', '=', kind)
  return query.execute()
}

function keyOf(kind: Kind, value: string): string {
  return `${kind} ${value}`
}

function push<Row>(lists: Map<string, Row[]>, key: string, row: Row): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [row])
  else list.push(row)
}

async function leadNowhere(
  scope: StoreScope,
  wrong: readonly Reference[],
  meant: NameMeanings,
): Promise<InvalidFault> {
  const known = new Map<Kind, string[]>()
  let hints = 0
  const errors: { pointer: string; detail: string }[] = []
  for (const { kind, value, path } of wrong) {
    if (turnIsOver()) await nextTurn()
    const { title } = called(kind)
    const several = meant.get(keyOf(kind, value))
    let detail = `no ${title} "${value}"`
    if (several !== undefined) {
      const ids = several.slice(0, MAX_HINTS).map(({ id }) => id)
      detail = `"${value}" matches ${ids.join(', ')}: give the id of the ${title}`
    } else if (hints++ < MAX_HINTS) {
      const names = known.get(kind) ?? (await someNames(scope, kind))
      known.set(kind, names)
      const near = nearest(value, names)
      if (near !== undefined) detail += `: did you mean "${near}"?`
    }
    errors.push({ pointer: pointerOf(path), detail })
  }
  return new InvalidFault(errors)
}

async function someNames(scope: StoreScope, kind: Kind): Promise<string[]> {
  const rows = await scope.db
    .selectFrom('object')
    .select('name')
    .where('kind', '=', kind)
    .orderBy('name')
    .limit(MAX_KNOWN)
    .execute()
  return rows.map(({ name }) => name)
}
