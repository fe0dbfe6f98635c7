import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { DATABASE } from '../src/store/backup-file.ts'
import { openStore } from '../src/store/store.ts'
import { PROGRAM } from './installation.ts'
import { LoneServer } from './lone-server.ts'
import { finish, succeed } from './program.ts'

async function scratch(t: TestContext): Promise<{ state: string; at(name: string): string }> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-backup-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return { state: path.join(dir, 'server'), at: (name) => path.join(dir, name) }
}

const store = (state: string, ...args: string[]) => succeed([PROGRAM, 'store', ...args, '--state', state])

/** Every group that was acknowledged. */
async function addGroups(server: LoneServer, prefix: string, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `${prefix}-${i}`)
  for (const name of names) {
    const { status, body } = await server.post('/api/v1/user-groups', { name, description: 'x'.repeat(500) })
    assert.equal(status, 201, body)
  }
  return names
}

async function groupsOf(state: string): Promise<Set<string>> {
  await using opened = await openStore({ file: path.join(state, DATABASE) })
  assert.equal((await opened.audit.verify()).intact, true)
  return new Set((await opened.objects.all('user-group')).map(({ name }) => name))
}

test('a backup of a server under writes holds what was acknowledged; restored over a crash it is that, and the former is kept', async (t) => {
  const { state, at } = await scratch(t)
  const server = await LoneServer.start(t, { state })
  const before = await addGroups(server, 'before', 60)
  const during = addGroups(server, 'during', 30)
  await store(state, 'backup', at('monday'))
  await during
  assert.equal((await stat(at('monday'))).mode & 0o777, 0o600)
  const after = await addGroups(server, 'after', 40)
  assert.match(
    (await finish([PROGRAM, 'store', 'restore', at('monday'), '--state', state])).stderr,
    new RegExp(`STATE_IN_USE[\\s\\S]*process ${server.child.pid}`),
  )
  assert.equal(await server.stop('SIGKILL'), 'SIGKILL')
  assert.ok((await stat(path.join(state, `${DATABASE}-wal`))).size > 0, 'a write-ahead log was left')

  await store(state, 'restore', at('monday'))
  const restored = await groupsOf(state)
  assert.ok(new Set(before).isSubsetOf(restored))
  assert.ok(new Set(after).isDisjointFrom(restored))
  const formerly = (await readdir(state)).find((name) => name.startsWith('before-restore-'))!
  assert.ok(new Set([...before, ...after]).isSubsetOf(await groupsOf(path.join(state, formerly))))

  const again = await LoneServer.start(t, { state, port: server.port })
  await addGroups(again, 'tuesday', 1)
})

test('a backup is enough for another machine, and without its key of no use', async (t) => {
  const { state, at } = await scratch(t)
  const server = await LoneServer.start(t, { state })
  const names = await addGroups(server, 'here', 3)
  assert.equal(await server.stop(), 0)
  await store(state, 'backup', at('whole'))
  await store(state, 'backup', at('half'), '--no-master-key')
  const key = (await readFile(path.join(state, 'master.key'), 'utf8')).trim()
  assert.ok(!(await readFile(at('half'))).includes(key))

  await store(at('there'), 'restore', at('whole'))
  assert.ok(!(await readFile(path.join(at('there'), DATABASE))).includes(key), 'no trace of the key is left')
  const there = await LoneServer.start(t, { state: at('there'), port: server.port })
  assert.equal(await there.stop(), 0)
  assert.ok(new Set(names).isSubsetOf(await groupsOf(at('there'))))

  const { code, stderr } = await finish([PROGRAM, 'store', 'restore', at('half'), '--state', at('empty')])
  assert.deepEqual([code, /MASTER_KEY/.test(stderr)], [1, true], stderr)
  await store(state, 'restore', at('half'))
})

test('what is there already, damaged or no backup is refused, and nothing is changed', async (t) => {
  const { state, at } = await scratch(t)
  const server = await LoneServer.start(t, { state })
  await addGroups(server, 'here', 20)
  assert.equal(await server.stop(), 0)
  await store(state, 'backup', at('good'))
  const again = await finish([PROGRAM, 'store', 'backup', at('good'), '--state', state])
  assert.deepEqual([again.code, /CONFLICT/.test(again.stderr)], [6, true])

  const bytes = await readFile(at('good'))
  const damaged = Buffer.from(bytes)
  damaged.fill(0xff, 8192, 8192 + 2000)
  await writeFile(at('damaged'), damaged)
  await writeFile(at('cut'), bytes.subarray(0, bytes.length / 2))
  await writeFile(at('copy'), await readFile(path.join(state, DATABASE)))
  const kept = await readdir(state)
  for (const [name, fault] of [
    ['damaged', /STORE_FAILED/],
    ['cut', /STORE_FAILED/],
    ['copy', /INVALID.*was not made by/],
    ['none', /NOT_FOUND/],
  ] as const) {
    const { stderr } = await finish([PROGRAM, 'store', 'restore', at(name), '--state', state])
    assert.match(stderr, fault, name)
  }
  assert.deepEqual(await readdir(state), kept)
  assert.equal((await groupsOf(state)).size, 20)
})

test('a backup that cannot be written leaves nothing', async (t) => {
  const { state, at } = await scratch(t)
  const server = await LoneServer.start(t, { state })
  assert.equal(await server.stop(), 0)
  const { stderr } = await finish([PROGRAM, 'store', 'backup', at('none/monday'), '--state', state])
  assert.match(stderr, /STATE_UNWRITABLE/)
  assert.deepEqual((await readdir(path.dirname(state))).sort(), ['server'])
})
