import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { SqliteConnection } from '../../store/sqlite-connection.ts'
import { openStore, type Repositories, type Store } from '../../store/store.ts'
import { put } from '../agents/control.fixture.ts'
import { latestObjects, readObjects } from './kept-objects.ts'

async function opened(t: TestContext): Promise<{ store: Store; file: string }> {
  const dir = mkdtempSync(path.join(tmpdir(), 'kept-'))
  const file = path.join(dir, 'store.db')
  const store = await openStore({ file })
  t.after(async () => {
    await store[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true })
  })
  return { store, file }
}

const read = (tx: Repositories) => readObjects(tx, latestObjects(tx))

test('what one reading has read the next does not read again, but what was changed between', async (t) => {
  const { store } = await opened(t)
  await put(store, 'connector-group', 'dc1')
  await put(store, 'server-group', 'web', { connectorGroups: ['dc1'] })
  const first = await store.reading(read)
  const again = await store.reading(read)
  assert.equal(again.kinds['server-group'], first.kinds['server-group'])
  await put(store, 'connector-group', 'dc2')
  const later = await store.reading(read)
  assert.equal(later.kinds['server-group'], first.kinds['server-group'])
  assert.deepEqual(
    later.kinds['connector-group'].objects.map(({ name }) => name),
    ['dc1', 'dc2'],
  )
  await store.transaction(async (tx) => {
    await put(tx, 'connector-group', 'dc3')
    assert.equal((await read(tx)).kinds['connector-group'].objects.length, 3)
  })
  assert.equal((await store.reading(read)).kinds['connector-group'].objects.length, 3)
})

test('objects are found by their ids, not by going through all of their kind', async (t) => {
  const { store, file } = await opened(t)
  const ids: string[] = []
  for (let n = 0; n < 64; n++) ids.push((await put(store, 'connector-group', `g${n}`)).id)
  const asked: string[] = []
  const execute = SqliteConnection.prototype.executeQuery
  t.mock.method(SqliteConnection.prototype, 'executeQuery', function (this: SqliteConnection, query) {
    asked.push(query.sql)
    return execute.call(this, query)
  } as typeof execute)
  assert.equal((await store.objects.byIds('connector-group', ids)).length, 64)
  assert.deepEqual(await store.objects.byIds('segment', ids), [], 'of another kind')
  const db = new DatabaseSync(file, { readOnly: true })
  t.after(() => db.close())
  for (const sql of asked.filter((one) => one.includes('"object"'))) {
    const steps = db.prepare(`explain query plan ${sql}`).all(...ids) as { detail: string }[]
    assert.match(steps[0]!.detail, /\(id=\?\)/)
  }
  assert.equal(asked.length, 2)
})
