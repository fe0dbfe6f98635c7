/**
 * Who deleted what, and when: what is gone is asked for by whoever still has its name, or knocks with its certificate. The
 * audit log has it.
 *
 * @module
 */
import type { Kind } from '../api/kinds.ts'
import { rfc3339 } from '../base/clock.ts'
import type { StoreScope } from './scope.ts'

export interface Deletion {
  readonly id: string
  readonly name: string
  readonly atMs: number
  readonly by: string
  /** Of a connector: id of the group it was in. */
  readonly group?: string
  /** What it was, of objects of the configuration. */
  readonly was?: object
}

/** Records that are looked through: what was deleted before them is for whoever reads the audit log. */
const WINDOW = 20_000
const MAX_LOOKED = 500

/** Deletions of this kind, newest first. */
export async function deletionsOf({ db }: Pick<StoreScope, 'db'>, kind: Kind): Promise<Deletion[]> {
  const newest = await db.selectFrom('audit').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  const rows = await db
    .selectFrom('audit')
    .select(['timeMs', 'actor', 'object', 'detail'])
    .where('seq', '>', (newest?.seq ?? 0) - WINDOW)
    .where('action', '=', `${kind}.delete`)
    .orderBy('seq', 'desc')
    .limit(MAX_LOOKED)
    .execute()
  return rows.map(({ timeMs, actor, object, detail }) => {
    const { name = '', group, was } = JSON.parse(detail) as { name?: string; group?: string; was?: object }
    return { id: object.slice(object.indexOf(' ') + 1), name, atMs: timeMs, by: actor, group, was }
  })
}

export async function deletionOf(
  scope: Pick<StoreScope, 'db'>,
  kind: Kind,
  idOrName: string,
): Promise<Deletion | undefined> {
  return (await deletionsOf(scope, kind)).find(({ id, name }) => id === idOrName || name === idOrName)
}

/** The newest time that the database was put back to an older copy. */
export interface Restoration {
  readonly atMs: number
  /** Of the newest record in the copy: what came after it is forgotten. */
  readonly copyMs: number
}

/** Within the same window; undefined if there was none. */
export async function lastRestoration({ db }: Pick<StoreScope, 'db'>): Promise<Restoration | undefined> {
  const newest = await db.selectFrom('audit').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
  const restore = await db
    .selectFrom('audit')
    .select(['seq', 'timeMs'])
    .where('seq', '>', (newest?.seq ?? 0) - WINDOW)
    .where('action', '=', 'store.restore')
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (restore === undefined) return undefined
  const before = await db
    .selectFrom('audit')
    .select('timeMs')
    .where('seq', '<', restore.seq)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return { atMs: restore.timeMs, copyMs: before?.timeMs ?? 0 }
}

/** `deleted at 2026-… by token ann (tok_…)` */
export function deletedText({ atMs, by }: Deletion): string {
  return `deleted at ${rfc3339(atMs)} by ${by}`
}
