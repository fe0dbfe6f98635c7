import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { OBJECT_KINDS, type ObjectKind } from '../api/kinds.ts'
import type { Fault } from '../base/faults.ts'
import { openStore, type Store } from './store.ts'

function directory(t: TestContext): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'backstitch-store-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

const memory = () => openStore({ file: ':memory:' })
const put = (
  store: Pick<Store, 'objects'>,
  kind: ObjectKind,
  name: string,
  fields: object = {},
  id?: string,
) => store.objects.put({ kind, name, id, spec: OBJECT_KINDS[kind].spec.parse(fields) })

test('the file is ours alone, in write-ahead mode, and there after the next start', async (t) => {
  const file = path.join(directory(t), 'store.db')
  {
    await using store = await openStore({ file })
    await put(store, 'connector-group', 'dc1')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const other = new DatabaseSync(file)
    assert.equal(other.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal')
    other.close()
  }
  await using store = await openStore({ file })
  assert.equal((await store.objects.get('connector-group', 'dc1')).version, 1)
  assert.equal(await store.policyVersion(), 1)
})

test('what was acknowledged is there after kill -9', async (t) => {
  const file = path.join(directory(t), 'store.db')
  const script = `
    import { openStore } from ${JSON.stringify(path.join(import.meta.dirname, 'store.ts'))}
    const store = await openStore({ file: ${JSON.stringify(file)} })
    for (;;) console.log((await store.audit.append({ actor: 'a', action: 'b.c', object: '' })).seq)`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let acknowledged = 0
  for await (const line of createInterface(child.stdout)) {
    acknowledged = Number(line)
    if (acknowledged === 100) child.kill('SIGKILL')
  }
  if (child.signalCode === null) await once(child, 'exit')
  assert.equal(child.signalCode, 'SIGKILL')
  await using store = await openStore({ file })
  const verdict = await store.audit.verify()
  assert.ok(verdict.intact && verdict.records >= acknowledged, JSON.stringify({ verdict, acknowledged }))
})

test('a transaction that throws leaves nothing and tells nobody', async () => {
  await using store = await memory()
  const told: number[] = []
  using _hint = store.bus.subscribe('policy', ({ version }) => told.push(version))
  await assert.rejects(
    store.transaction(async (tx) => {
      await put(tx, 'connector-group', 'dc1')
      await tx.audit.append({ actor: 'a', action: 'b.c', object: '' })
      throw new Error('no')
    }),
    /^Error: no$/,
  )
  assert.equal(await store.objects.find('connector-group', 'dc1'), undefined)
  assert.deepEqual(await store.audit.verify(), { intact: true, records: 0, head: '0'.repeat(64) })
  assert.equal(await store.policyVersion(), 0)
  await put(store, 'connector-group', 'dc2')
  assert.deepEqual(told, [1])
})

test('the store inside its own transaction is a defect, not a deadlock', async () => {
  await using store = await memory()
  const inside = store.transaction(async () => store.objects.find('user', 'alice'))
  await assert.rejects(inside, { name: 'TypeError', message: /own transaction/ })
  await assert.rejects(
    store.transaction(async () => store.sessions.get('ses_1')),
    { message: /own transaction/ },
  )
})

test('transactions do not mix: each sees all of the other or nothing', async () => {
  await using store = await memory()
  await Promise.all(
    Array.from({ length: 20 }, () =>
      store.transaction(async (tx) => {
        const { seq } = await tx.audit.append({ actor: 'a', action: 'first.half', object: '' })
        await new Promise(setImmediate)
        assert.equal((await tx.audit.append({ actor: 'a', action: 'second.half', object: '' })).seq, seq + 1)
      }),
    ),
  )
})

test('references: kept as ids through a rename, checked, and in the way of deletion', async () => {
  await using store = await memory()
  const group = await put(store, 'connector-group', 'dc1')
  const web = await put(store, 'server-group', 'web', { connectorGroups: ['dc1'] })
  assert.deepEqual(web.spec, { ...web.spec, connectorGroups: [group.id] })
  await put(store, 'connector-group', 'frankfurt', {}, group.id)
  assert.deepEqual(await store.objects.namesOf([web]), [{ [group.id]: 'frankfurt' }])
  await assert.rejects(put(store, 'server-group', 'x', { connectorGroups: ['dc1'] }), { code: 'INVALID' })
  await assert.rejects(store.objects.delete('connector-group', 'frankfurt'), {
    code: 'IN_USE',
    seen: { users: [`server group web (${web.id})`] },
  })
  await put(store, 'server-group', 'web', {}, web.id)
  await store.objects.delete('connector-group', 'frankfurt')
  await assert.rejects(store.objects.get('connector-group', group.id), { code: 'NOT_FOUND' })
})

test('names are unique within a kind, not across', async () => {
  await using store = await memory()
  await put(store, 'connector-group', 'same')
  await put(store, 'segment-group', 'same')
  await assert.rejects(put(store, 'connector-group', 'same'), { code: 'CONFLICT' })
  const other = await put(store, 'connector-group', 'other')
  await assert.rejects(put(store, 'connector-group', 'same', {}, other.id), { code: 'CONFLICT' })
})

test('a user that is deleted takes the password along, and a namesake does not get it', async () => {
  await using store = await memory()
  const alice = await put(store, 'user', 'alice')
  await store.passwords.put(alice.id, 'hash')
  await store.objects.delete('user', 'alice')
  const again = await put(store, 'user', 'alice')
  assert.equal(await store.passwords.get(again.id), undefined)
  assert.equal(await store.passwords.get(alice.id), undefined)
})

test('the edge of the server itself is neither deleted nor renamed', async () => {
  await using store = await memory()
  const spec = { host: 'edge.example', port: 443 }
  const home = await put(store, 'edge', 'embedded', spec)
  await assert.rejects(store.objects.delete('edge', 'embedded'), { code: 'CONFLICT' })
  const whole = { description: '', enabled: true, region: '', addresses: [], ...spec }
  const renamed = { kind: 'edge', id: home.id, name: 'other', spec: whole } as const
  await assert.rejects(store.objects.put(renamed), { code: 'CONFLICT' })
  assert.equal((await store.objects.get('edge', home.id)).name, 'embedded')
})

test('only what may change a decision raises the policy version', async () => {
  await using store = await memory()
  await put(store, 'edge', 'e1', { host: 'edge.example', port: 443 })
  assert.equal(await store.policyVersion(), 0)
  const group = await put(store, 'connector-group', 'dc1')
  const held = { thumbprint: 't', serial: '1', notAfterMs: 1, generation: 1 }
  const host = { name: 'h', platform: 'p', program: 'x' }
  const { id } = await store.connectors.create({
    ...held,
    host,
    groupId: group.id,
    publicKeyHash: 'p',
    fingerprint: {},
  })
  const version = await store.policyVersion()
  await store.connectors.seen(id, { address: '192.0.2.1', atMs: 5 })
  await store.connectors.update(id, { generation: 2, serial: '2' })
  assert.equal(await store.policyVersion(), version)
  await store.connectors.update(id, { enabled: false })
  assert.equal(await store.policyVersion(), version + 1)
})

test('a directory that is not there is named', async (t) => {
  const file = path.join(directory(t), 'absent', 'store.db')
  await assert.rejects(openStore({ file }), { code: 'STORE_FAILED', detail: new RegExp(file) })
})

test('a file that is no database is refused and left as it is', async (t) => {
  const made = directory(t)
  const file = path.join(made, 'store.db')
  writeFileSync(file, 'not a database, but longer than a header would be'.repeat(50))
  const before = readFileSync(file)
  await assert.rejects(openStore({ file }), { code: 'STORE_FAILED' })
  assert.deepEqual(readFileSync(file), before)
  assert.deepEqual(readdirSync(made), ['store.db'])
})

/** Holds the write lock of `file` in a process of its own until `release`. */
async function lockedElsewhere(
  t: TestContext,
  file: string,
): Promise<{ pid: number; release(): Promise<void> }> {
  const script = `
    const db = new (require('node:sqlite').DatabaseSync)(${JSON.stringify(file)})
    db.exec('BEGIN IMMEDIATE')
    console.log('locked')
    process.stdin.resume().on('end', () => db.close())`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return {
    pid: child.pid!,
    async release() {
      child.stdin.end()
      await once(child, 'exit')
    },
  }
}

test("another process's lock keeps writes waiting and nothing else of this one", async (t) => {
  const file = path.join(directory(t), 'store.db')
  await using store = await openStore({ file })
  const other = await lockedElsewhere(t, file)
  const delays = monitorEventLoopDelay({ resolution: 5 })
  delays.enable()
  const writing = put(store, 'connector-group', 'dc1')
  const started = performance.now()
  while (performance.now() - started < 300) await turn()
  delays.disable()
  assert.ok(delays.max < 150e6, `the loop stood still for ${delays.max / 1e6} ms`)
  await other.release()
  await writing
  assert.equal((await store.objects.all('connector-group')).length, 1)
})

test('a lock that stays is a fault that names its process, and the store goes on after it', async (t) => {
  const file = path.join(directory(t), 'store.db')
  await using store = await openStore({ file })
  const other = await lockedElsewhere(t, file)
  await assert.rejects(put(store, 'connector-group', 'dc1'), (fault: Fault) => {
    assert.equal(fault.code, 'STORE_FAILED')
    assert.match(fault.detail, new RegExp(`is locked by process ${other.pid} `))
    return true
  })
  await assert.rejects(store.proveWritable(), { code: 'STORE_FAILED' })
  await other.release()
  await put(store, 'connector-group', 'dc1')
})
