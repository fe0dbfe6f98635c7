import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import type { Migration } from 'kysely/migration'
import { migrate, schemaState } from './migrate.ts'
import { up as start } from './migrations/0001-start.ts'
import { up as grantPorts } from './migrations/0002-grant-ports.ts'
import { INDEXES } from './migrations/0010-at-size.ts'
import { openSqlite } from './sqlite.ts'
import { checkStore, openStore } from './store.ts'

const table = (name: string): Migration => ({
  up: (db) => db.schema.createTable(name).addColumn('id', 'text').execute(),
})
const ONE = { '0001-one': table('one') }
const TWO = { ...ONE, '0002-two': table('two') }
const BROKEN: Record<string, Migration> = {
  ...ONE,
  '0002-two': table('two'),
  '0003-broken': {
    async up(db) {
      await db.schema.createTable('three').addColumn('id', 'text').execute()
      await db.schema.createTable('one').addColumn('id', 'text').execute()
    },
  },
}

async function at(t: TestContext, migrations: Record<string, Migration>) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'backstitch-migrate-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'store.db')
  const { raw, db } = await openSqlite(file)
  t.after(() => db.destroy())
  await migrate(raw, db, file, migrations)
  const tables = async () =>
    (await db.introspection.getTables())
      .map((one) => one.name)
      .filter((name) => !name.startsWith('schema_'))
      .sort()
  return { directory, file, raw, db, tables }
}

test('a new file gets all migrations and no backup', async (t) => {
  const { directory, db, tables } = await at(t, TWO)
  assert.deepEqual(await tables(), ['one', 'two'])
  assert.deepEqual(await schemaState(db, TWO), {
    applied: ['0001-one', '0002-two'],
    pending: [],
    unknown: [],
  })
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes('before')),
    [],
  )
})

test('an older file is copied first, then brought up; again nothing happens', async (t) => {
  const { file, raw, db, tables } = await at(t, ONE)
  assert.deepEqual((await schemaState(db, TWO)).pending, ['0002-two'])
  const done = await migrate(raw, db, file, TWO)
  assert.deepEqual(done.applied, ['0002-two'])
  assert.deepEqual(await tables(), ['one', 'two'])
  assert.equal(statSync(done.backup!).mode & 0o777, 0o600)
  const copy = new DatabaseSync(done.backup!, { readOnly: true })
  assert.equal(copy.prepare(`SELECT count(*) AS n FROM sqlite_master WHERE name = 'two'`).get()?.n, 0)
  copy.close()
  assert.deepEqual(await migrate(raw, db, file, TWO), { applied: [] })
})

test('a migration that fails leaves everything as it was, and says where the copy is', async (t) => {
  const { file, raw, db, tables } = await at(t, ONE)
  await assert.rejects(migrate(raw, db, file, BROKEN), { code: 'STORE_FAILED', detail: /before-0001-one/ })
  assert.deepEqual(await tables(), ['one'])
  assert.deepEqual((await schemaState(db, TWO)).applied, ['0001-one'])
})

test('a file of a newer version is refused untouched', async (t) => {
  const { file, raw, db } = await at(t, TWO)
  await assert.rejects(migrate(raw, db, file, ONE), {
    code: 'STORE_FAILED',
    detail: /newer version.*0002-two/,
  })
})

test('checking tells what would be done and does not do it', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'backstitch-migrate-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'store.db')
  assert.equal(await checkStore(file), undefined)
  await (await openStore({ file }))[Symbol.asyncDispose]()
  const before = readdirSync(directory)
  const { applied, ...rest } = (await checkStore(file))!
  assert.equal(applied[0], '0001-start')
  assert.deepEqual(rest, { pending: [], unknown: [] })
  assert.deepEqual(readdirSync(directory), before)
})

test('objects of the first version have the fields of this one, and mean what they meant', async (t) => {
  const first = { '0001-start': { up: start }, '0002-grant-ports': { up: grantPorts } }
  const { file, raw } = await at(t, first as Record<string, Migration>)
  const insert = raw.prepare('INSERT INTO object VALUES (?, ?, ?, 1, ?, 0, 0)')
  insert.run('grp_1', 'connector-group', 'dc1', '{"description":"","enabled":true,"location":"rack 12"}')
  insert.run(
    'sgr_1',
    'server-group',
    'web',
    '{"description":"","enabled":true,"connectorGroups":["grp_1"],"dynamicDiscovery":true,"servers":[]}',
  )
  await using store = await openStore({ file })
  const { spec } = await store.objects.get('connector-group', 'dc1')
  assert.deepEqual([spec.location, spec.region, spec.connectorKind], ['rack 12', '', 'app'])
  assert.deepEqual((await store.objects.get('server-group', 'web')).spec.failoverConnectorGroups, [])
})

/** As before migration 10. */
function undoIndexes(db: DatabaseSync): void {
  for (const index of INDEXES) db.exec(`drop index ${index.split(' ')[0]}`)
  db.exec(
    'create index reference_to on reference (to_id); create index connector_group on connector (group_id)',
  )
}

test('a device from before sign-ins gets one for a day, unless it or its user is disabled', async (t) => {
  const { file } = await at(t, {})
  const kept: string[] = []
  {
    await using store = await openStore({ file })
    const user = (name: string, enabled: boolean) =>
      store.objects.put({
        ...{ kind: 'user', name },
        spec: { description: '', displayName: '', email: '', groups: [], enabled },
      })
    const device = async (userId: string, name: string) => {
      const held = {
        thumbprint: name,
        serial: name,
        notAfterMs: Date.now(),
        generation: 1,
        publicKeyHash: name,
      }
      const host = { name, platform: '', program: '' }
      return (await store.devices.create({ ...held, userId, host, lastAddress: '192.0.2.7' })).id
    }
    const [ada, eve] = [await user('ada', true), await user('eve', false)]
    kept.push(await device(ada.id, 'laptop'))
    await device(eve.id, 'laptop-of-eve')
    await store.devices.update(await device(ada.id, 'lost'), { enabled: false })
  }
  const old = new DatabaseSync(file)
  undoIndexes(old)
  old.exec('alter table deleted_key drop column group_id; alter table deleted_key drop column edge_id')
  old.exec('drop table sign_in; drop index session_client_only; drop index session_continued_as')
  for (const column of ['client_only', 'continued_as']) old.exec(`alter table session drop column ${column}`)
  old.exec("delete from schema_migration where name >= '0008'")
  old.close()
  await using store = await openStore({ file })
  const signedIn = (await store.devices.all()).filter(({ signIn }) => signIn !== undefined)
  assert.deepEqual(
    signedIn.map(({ id, signIn }) => [
      id,
      signIn!.from,
      Math.round((signIn!.endMs - Date.now()) / 3_600_000),
    ]),
    kept.map((id) => [id, '192.0.2.7', 24]),
  )
})
