import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { lockState } from '../base/state-lock.ts'
import { Vault } from '../pki/vault.ts'
import { backUp } from './backup.ts'
import { checkBackup, DATABASE, MASTER_KEY } from './backup-file.ts'
import { addUser } from './people.fixture.ts'
import { restore } from './restore.ts'
import { openStore } from './store.ts'

const KEY = randomBytes(32)
const KEY_TEXT = KEY.toString('base64')

/** The state of a server with one user, its key and its certificate; and places beside it. */
async function world(t: TestContext) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-backup-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const state = path.join(dir, 'state')
  const at = (name: string) => path.join(dir, name)
  mkdirSync(path.join(state, 'public'), { recursive: true, mode: 0o700 })
  writeFileSync(path.join(state, MASTER_KEY), `${KEY_TEXT}\n`, { mode: 0o600 })
  writeFileSync(path.join(state, 'public/public.crt'), 'certificate')
  const write = async (work: (store: Awaited<ReturnType<typeof openStore>>) => Promise<unknown>) => {
    await using store = await openStore({ file: path.join(state, DATABASE) })
    await work(store)
  }
  await write(async (store) => {
    await store.secrets.put('tenant', new Vault(KEY).seal('tenant', Buffer.from('authority')))
    await addUser(store, 'ada')
    await store.audit.append({ actor: 'system', action: 'user.create', object: 'user ada' })
  })
  const users = async (stateDir = state) => {
    await using store = await openStore({ file: path.join(stateDir, DATABASE) })
    return (await store.objects.all('user')).map(({ name }) => name)
  }
  return { dir, state, at, write, users }
}

test('a backup holds database, key and certificate in one file of its owner alone, and is checked', async (t) => {
  const { state, at } = await world(t)
  const file = at('backup')
  const content = await backUp({ stateDir: state, file, withMasterKey: true })
  assert.deepEqual(content, { files: [MASTER_KEY, 'public/public.crt'], auditRecords: 1 })
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(checkBackup(file, {}), content)
})

test('a backup without the key needs the key to be used, and the right one', async (t) => {
  const { state, at } = await world(t)
  const file = at('backup')
  const { files } = await backUp({ stateDir: state, file, withMasterKey: false })
  assert.deepEqual(files, ['public/public.crt'])
  assert.equal(readFileSync(file).includes(KEY_TEXT), false)
  assert.throws(() => checkBackup(file, {}), { code: 'MASTER_KEY' })
  const other = randomBytes(32).toString('base64')
  assert.throws(() => checkBackup(file, { masterKey: other }), { code: 'MASTER_KEY' })
  assert.equal(checkBackup(file, { masterKey: KEY_TEXT }).auditRecords, 1)
})

test('what is restored is as it was then; what was there before lies beside it, and the restore is on record', async (t) => {
  const { state, at, write, users } = await world(t)
  const file = at('backup')
  await backUp({ stateDir: state, file, withMasterKey: true })
  await write((store) => addUser(store, 'eve'))
  const { formerly } = await restore({ stateDir: state, file, nowMs: Date.UTC(2026, 5, 1) })
  assert.deepEqual(await users(), ['ada'])
  assert.match(formerly!, /before-restore-2026-06-01T00-00-00-000Z$/)
  assert.deepEqual(await users(formerly), ['ada', 'eve'])
  assert.equal(readFileSync(path.join(formerly!, MASTER_KEY), 'utf8').trim(), KEY_TEXT)
  await write(async (store) => {
    const { items } = await store.audit.list({ limit: 5, action: 'store.restore' })
    assert.deepEqual(items[0]?.detail, { from: 'backup' })
    assert.equal((await store.audit.verify()).intact, true)
    assert.notEqual(await store.objects.restoration(), undefined)
  })
})

test('a backup is put into an empty place, with the modes that its files need', async (t) => {
  const { state, at, users } = await world(t)
  await backUp({ stateDir: state, file: at('backup'), withMasterKey: true })
  const stateDir = at('elsewhere')
  const { formerly } = await restore({ stateDir, file: at('backup') })
  assert.equal(formerly, undefined)
  assert.deepEqual(await users(stateDir), ['ada'])
  const modes = [DATABASE, MASTER_KEY, 'public/public.crt', 'public'].map(
    (name) => statSync(path.join(stateDir, name)).mode & 0o777,
  )
  assert.deepEqual(modes, [0o600, 0o600, 0o644, 0o700])
  using db = new DatabaseSync(path.join(stateDir, DATABASE))
  assert.equal(db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'backup_file'").get(), undefined)
  assert.equal(readFileSync(path.join(stateDir, DATABASE)).includes(KEY_TEXT), false, 'no trace of the key')
})

test('a state that a server runs on is not replaced', async (t) => {
  const { state, at, users } = await world(t)
  await backUp({ stateDir: state, file: at('backup'), withMasterKey: true })
  {
    using _held = await lockState(state, 'control')
    await assert.rejects(restore({ stateDir: state, file: at('backup') }), { code: 'STATE_IN_USE' })
  }
  assert.deepEqual(await users(), ['ada'])
})

const UNUSABLE: { name: string; code: string; make: (file: string, state: string) => void }[] = [
  { name: 'a file that is absent', code: 'NOT_FOUND', make: () => {} },
  { name: 'text', code: 'STORE_FAILED', make: (file) => writeFileSync(file, 'no database'.repeat(1000)) },
  {
    name: 'a copied database',
    code: 'INVALID',
    make: (file, state) => writeFileSync(file, readFileSync(path.join(state, DATABASE))),
  },
]
for (const { name, code, make } of UNUSABLE) {
  test(`${name} in the place of a backup is ${code}, and the state stays as it is`, async (t) => {
    const { state, at, users } = await world(t)
    make(at('backup'), state)
    const before = readdirSync(state).sort()
    await assert.rejects(restore({ stateDir: state, file: at('backup') }), { code })
    assert.deepEqual(
      readdirSync(state)
        .filter((one) => !one.startsWith('.'))
        .sort(),
      before,
    )
    assert.deepEqual(await users(), ['ada'])
  })
}

test('a backup of a newer version, and a damaged one, are refused', async (t) => {
  const { state, at } = await world(t)
  await backUp({ stateDir: state, file: at('newer'), withMasterKey: true })
  {
    using db = new DatabaseSync(at('newer'))
    db.exec("INSERT INTO schema_migration VALUES ('9999-later', '2099')")
  }
  assert.throws(() => checkBackup(at('newer'), {}), {
    code: 'STORE_FAILED',
    detail: /newer version.*9999-later/,
  })
  await backUp({ stateDir: state, file: at('damaged'), withMasterKey: true })
  const bytes = readFileSync(at('damaged'))
  bytes.fill(0xff, bytes.length >> 1)
  writeFileSync(at('damaged'), bytes)
  assert.throws(() => checkBackup(at('damaged'), {}), { code: 'STORE_FAILED' })
})

test('a backup replaces no file, needs a store, and leaves nothing half done', async (t) => {
  const { dir, state, at } = await world(t)
  writeFileSync(at('taken'), 'of somebody')
  const to = (file: string, stateDir = state) => backUp({ stateDir, file, withMasterKey: true })
  await assert.rejects(to(at('taken')), { code: 'CONFLICT' })
  assert.equal(readFileSync(at('taken'), 'utf8'), 'of somebody')
  await assert.rejects(to(at('none'), at('nowhere')), { code: 'NOT_FOUND' })
  writeFileSync(path.join(state, MASTER_KEY), `${randomBytes(32).toString('base64')}\n`)
  await assert.rejects(to(at('wrong-key')), { code: 'MASTER_KEY' })
  assert.deepEqual(readdirSync(dir).sort(), ['state', 'taken'])
})
