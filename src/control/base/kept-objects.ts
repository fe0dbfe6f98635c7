/**
 * Everything that was declared, and the connectors that enrolled, as of one moment. What was read before is kept, and
 * only what has changed since is read again: of ten thousand objects the one that somebody wrote.
 *
 * @module
 */
import { OBJECT_KIND_NAMES, type ObjectKind } from '../../api/kinds.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { Repositories } from '../../store/store.ts'

/** Objects of one kind: the same array for as long as none of them has changed. */
export interface KeptKind<K extends ObjectKind = ObjectKind> {
  /** In order of name. */
  readonly objects: readonly StoredObject<K>[]
  /** Why the spec of one is no JSON object, by id. */
  readonly noJson: ReadonlyMap<string, string>
}

export interface KeptObjects {
  /** Of policy. */
  readonly version: number
  /** In the log of changes. */
  readonly mark: number
  readonly kinds: { readonly [K in ObjectKind]: KeptKind<K> }
  /** In order of id; the same array for as long as none of them has changed. */
  readonly connectors: readonly ConnectorRecord[]
}

type KeptReader = Pick<Repositories, 'objects' | 'connectors' | 'policyVersion' | 'changes' | 'changed'>

/**
 * As the transaction sees it, what it has written itself included: in that case nobody else may build on it.
 *
 * @param before What an earlier transaction saw.
 */
export async function readObjects(tx: KeptReader, before?: KeptObjects): Promise<KeptObjects> {
  const version = await tx.policyVersion()
  const { mark } = tx.changes
  const changed = before && changedIds(tx, before, version)
  const objects =
    before === undefined || changed === undefined
      ? { version, mark, ...(await readAll(tx)) }
      : { version, mark, ...(await readChanged(tx, before, changed)) }
  // What a transaction has written itself may come to nothing.
  if (tx.changed.size === 0 && mark >= (latestObjects(tx)?.mark ?? 0)) LATEST.set(tx.changes.log, objects)
  return objects
}

/** What was read last, by whomever. */
export function latestObjects({ changes }: Pick<KeptReader, 'changes'>): KeptObjects | undefined {
  return LATEST.get(changes.log)
}

const LATEST = new WeakMap<object, KeptObjects>()

async function readChanged(
  tx: KeptReader,
  before: KeptObjects,
  changed: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<Pick<KeptObjects, 'kinds' | 'connectors'>> {
  const kinds: Partial<Record<ObjectKind, KeptKind>> = {}
  for (const kind of OBJECT_KIND_NAMES) {
    const ids = changed.get(kind)
    kinds[kind] = ids === undefined ? before.kinds[kind] : await kindAnew(tx, kind, before.kinds[kind], ids)
  }
  const ids = changed.get('connector')
  const connectors = ids === undefined ? before.connectors : await connectorsAnew(tx, before.connectors, ids)
  return { kinds: kinds as KeptObjects['kinds'], connectors }
}

/** Nothing where that is not known: more versions of policy have come about than this process knows of. */
function changedIds(
  { changes, changed: own }: KeptReader,
  before: KeptObjects,
  version: number,
): Map<string, Set<string>> | undefined {
  const since = changes.since(before.mark)
  if (since === undefined || version !== before.version + since.versions) return undefined
  const ids = new Map<string, Set<string>>()
  for (const [id, kind] of [...since.changed, ...own]) ids.set(kind, (ids.get(kind) ?? new Set()).add(id))
  return ids
}

async function readAll(tx: KeptReader): Promise<Pick<KeptObjects, 'kinds' | 'connectors'>> {
  const kinds: Partial<Record<ObjectKind, KeptKind>> = {}
  for (const kind of OBJECT_KIND_NAMES) {
    const noJson = new Map<string, string>()
    const objects = await tx.objects.all(kind, ({ id }, why) => noJson.set(id, why))
    kinds[kind] = { objects, noJson }
  }
  return { kinds: kinds as KeptObjects['kinds'], connectors: await tx.connectors.all() }
}

async function kindAnew(
  tx: KeptReader,
  kind: ObjectKind,
  { objects, noJson: noJsonBefore }: KeptKind,
  ids: ReadonlySet<string>,
): Promise<KeptKind> {
  const noJson = new Map([...noJsonBefore].filter(([id]) => !ids.has(id)))
  const anew = await tx.objects.byIds(kind, [...ids], ({ id }, why) => noJson.set(id, why))
  return { objects: replaced(objects, ids, anew, ({ name }) => name), noJson }
}

async function connectorsAnew(
  tx: KeptReader,
  connectors: readonly ConnectorRecord[],
  ids: ReadonlySet<string>,
): Promise<ConnectorRecord[]> {
  return replaced(connectors, ids, await tx.connectors.byIds([...ids]), ({ id }) => id)
}

/** Without those with these ids, and with those that were read anew, in order of `key`: as the store orders names and ids, which are ASCII. */
function replaced<Item extends { readonly id: string }>(
  items: readonly Item[],
  ids: ReadonlySet<string>,
  anew: readonly Item[],
  key: (item: Item) => string,
): Item[] {
  const added = [...anew].sort((a, b) => (key(a) < key(b) ? -1 : 1))
  const result: Item[] = []
  let next = 0
  for (const item of items) {
    if (ids.has(item.id)) continue
    while (next < added.length && key(added[next]!) < key(item)) result.push(added[next++]!)
    result.push(item)
  }
  return result.concat(added.slice(next))
}
