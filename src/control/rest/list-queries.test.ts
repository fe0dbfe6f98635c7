/**
 * Whatever a list of the API is asked for, an index finds it: each statement that a list makes is asked of SQLite itself.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync, type SQLInputValue, StatementSync } from 'node:sqlite'
import { test } from 'node:test'
import { OBJECT_KIND_NAMES, OBJECT_KINDS } from '../../api/kinds.ts'
import { newId } from '../../base/ids.ts'
import { openStore } from '../../store/store.ts'
import { createFirstToken } from './auth.ts'
import { RestFixture } from './fixture.ts'
import { listMark } from './route.ts'

const SESSION_FILTERS = {
  state: ['open', 'closed'],
  user: [newId('usr')],
  device: [newId('dev')],
  connector: [newId('con')],
  segment: [newId('seg')],
  rule: [newId('rul')],
  host: ['wiki.example'],
  closeReason: ['done', 'DIAL_REFUSED'],
} as const
const AUDIT_FILTERS = {
  actor: ['user usr_1'],
  action: ['grant.issue', 'segment.update'],
  object: ['segment seg_1'],
} as const

/** What nearly all have in common has no index: it is looked through in windows, in the order of the list. */
const LOOKED_THROUGH = ['state=closed', 'closeReason=done', 'action=grant.issue']

/** Nothing, each alone, and each two. */
function* queries(filters: Readonly<Record<string, readonly string[]>>): Generator<string> {
  yield ''
  const all = Object.entries(filters).flatMap(([key, values]) => values.map((value) => [key, value] as const))
  for (const [at, [key, value]] of all.entries()) {
    yield `${key}=${encodeURIComponent(value)}`
    for (const [other, also] of all.slice(at + 1)) {
      if (other !== key) yield `${key}=${encodeURIComponent(value)}&${other}=${encodeURIComponent(also)}`
    }
  }
}

function* lists(): Generator<string> {
  for (const kind of OBJECT_KIND_NAMES) yield OBJECT_KINDS[kind].plural
  yield* ['connectors', 'client-devices', 'provisioning-keys', 'tokens']
  for (const query of queries(SESSION_FILTERS)) yield `sessions?${query}`
  for (const query of queries(AUDIT_FILTERS)) yield `audit?${query}`
  for (const query of ['', `user=${newId('usr')}`]) yield `denials?${query}`
  yield* ['connectors/con_1/outages', 'client-devices/dev_1/outages']
}

/** Each statement that is run, by its text, with where it was asked from. */
function watchStatements() {
  const seen = new Map<string, string>()
  let asking = ''
  const { all } = StatementSync.prototype
  StatementSync.prototype.all = function watched(this: StatementSync, ...values: SQLInputValue[]) {
    if (asking !== '' && !seen.has(this.sourceSQL)) seen.set(this.sourceSQL, asking)
    return all.apply(this, values as never)
  } as typeof all
  return {
    seen,
    from(request: string) {
      asking = request
    },
    [Symbol.dispose]() {
      StatementSync.prototype.all = all
    },
  }
}

test('no list, and no filter of one, reads through a table', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'lists-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const file = path.join(dir, 'store.db')
  const store = await openStore({ file })
  await using rest = await RestFixture.open({ control: { store, firstToken: await createFirstToken(store) } })
  using watch = watchStatements()
  for (const list of lists()) {
    const mark = listMark(`/api/v1/${list.split('?')[0]}`)
    for (const cursor of ['', `${mark}MTIz`]) {
      const request = `/api/v1/${list}${cursor && `${list.includes('?') ? '&' : '?'}cursor=${cursor}`}`
      watch.from(request)
      const { status } = await rest.ask('GET', request)
      const none = status === 404 && list.includes('/')
      const noCursor = status === 422 && list.includes('outages') && cursor !== ''
      assert.ok(status === 200 || none || noCursor, `${request}: ${status}`)
    }
  }
  watch.from('')
  assert.ok(watch.seen.size > 60, `${watch.seen.size} statements were seen`)
  using db = new DatabaseSync(file)
  for (const [sql, request] of watch.seen) {
    for (const { detail } of db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]) {
      assert.equal(objectionTo(detail, request, sql), undefined, `${request}\n${sql}\n${detail}`)
    }
  }
})

/** An index finds what passes the filters. Without any it is read in order, from where the page begins, until it is full. */
function objectionTo(detail: string, request: string, sql: string): string | undefined {
  if (detail.includes('TEMP B-TREE'))
    return sql.includes('key_within') ? undefined : 'it sorts more than a window'
  // Of the schema one row is read, by which a reading transaction begins.
  if (!detail.startsWith('SCAN') || /^SCAN (CONSTANT ROW|\(subquery|sqlite_schema)/.test(detail))
    return undefined
  if (detail.endsWith(' USING INDEX session_open') || detail.endsWith(' COVERING INDEX session_open'))
    return undefined
  if (!/ USING (COVERING )?INDEX /.test(detail)) return 'it reads a table'
  const filters = [...new URL(request, 'http://x').searchParams].map(([key, value]) => `${key}=${value}`)
  const found = filters.filter((one) => !LOOKED_THROUGH.includes(one) && !one.startsWith('cursor='))
  return found.length === 0 && sql.includes('limit') ? undefined : 'a filter reads through an index'
}
