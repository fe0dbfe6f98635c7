/** Reading and writing many rows of sessions with few statements. */

import { CompiledQuery } from 'kysely'
import type { SessionRow } from '../store/session-row.ts'
import { inList } from './page.ts'
import type { StoreScope } from './scope.ts'
import type { KnownSession } from './session-record.ts'
import { knownSessionOf } from './session-row.ts'

export async function loadSessions(
  scope: StoreScope,
  ids: readonly string[],
): Promise<Map<string, KnownSession>> {
  const found = new Map<string, KnownSession>()
  for (let at = 0; at < ids.length; at += 500) {
    const rows = await scope.db
      .selectFrom('session')
      .selectAll()
      .where('id', 'in', inList(ids.slice(at, at + 500)))
      .execute()
    for (const row of rows) found.set(row.id, knownSessionOf(row))
  }
  return found
}

/** What a later report may change. The rest its id and its grant have fixed, and the indexes of it need no look. */
const CHANGING = [
  ...(['state', 'endedMs', 'edgeId', 'closeReason', 'clientOnly'] as const),
  ...(['continuedAs', 'record', 'revision'] as const),
] satisfies (keyof SessionRow)[]

const COLUMNS = [
  ...([
    'id',
    'startedMs',
    'userId',
    'deviceId',
    'connectorId',
    'segmentId',
    'ruleId',
    'host',
    'port',
  ] as const),
  ...CHANGING,
] satisfies (keyof SessionRow)[]

/** As many rows to a statement: building a statement costs more than most of what it does. */
const SAVE_ROWS = 64

/** By number of rows: the text of the statement. To build it each time takes as long as to run it. */
const texts = new Map<number, string>()

export async function saveSessions({ db }: StoreScope, rows: readonly SessionRow[]): Promise<void> {
  for (let at = 0; at < rows.length; at += SAVE_ROWS) {
    const some = rows.slice(at, at + SAVE_ROWS)
    const known = texts.get(some.length)
    const text = known ?? upsert(db, some)
    if (known === undefined) texts.set(some.length, text)
    await db.executeQuery(
      CompiledQuery.raw(
        text,
        some.flatMap((row) => COLUMNS.map((name) => row[name])),
      ),
    )
  }
}

/** With a place for each of COLUMNS of each row, in this order. */
function upsert(db: StoreScope['db'], rows: readonly SessionRow[]): string {
  return db
    .insertInto('session')
    .values(rows.map((row) => Object.fromEntries(COLUMNS.map((name) => [name, row[name]])) as SessionRow))
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet((set) =>
          Object.fromEntries(CHANGING.map((name) => [name, set.ref(`excluded.${name}`)])),
        ),
    )
    .compile().sql
}
