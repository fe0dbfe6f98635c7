import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Fault } from '../src/base/faults.ts'
import { StateDir } from '../src/base/state-dir.ts'
import { formatProvisioningKey } from '../src/pki/provisioning-key.ts'
import { openStore, type Store } from '../src/store/store.ts'
import { ConnectorProcess } from './connector-process.ts'
import { LoneServer } from './lone-server.ts'
import { needs } from './needs.ts'
import { openSite } from './site.ts'

/** A file system of its own with so much room. */
async function smallDisk(t: TestContext, size: string): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-full-'))
  const options = ['-t', 'tmpfs', '-o', `size=${size},mode=0700`]
  assert.equal(spawnSync('mount', [...options, 'tmpfs', dir]).status, 0)
  t.after(async () => {
    spawnSync('umount', ['--lazy', dir])
    await rm(dir, { recursive: true, force: true })
  })
  return dir
}

/** Takes what room there is. @returns gives it back. */
function fill(dir: string): () => void {
  const file = path.join(dir, 'filler')
  const fd = openSync(file, 'w')
  for (const bytes of [65_536, 4096, 1]) {
    try {
      for (;;) writeSync(fd, Buffer.alloc(bytes))
    } catch {}
  }
  closeSync(fd)
  return () => rmSync(file)
}

test('a state directory on a full disk says DISK_FULL, not that owner or mode are wrong', {
  skip: needs('root', 'netns'),
}, async (t) => {
  const dir = await smallDisk(t, '32k')
  const state = await StateDir.open(dir)
  await state.write('identity.json', 'one')
  await assert.rejects(writeFile(path.join(dir, 'filler'), Buffer.alloc(64 * 1024)), { code: 'ENOSPC' })
  await assert.rejects(state.write('identity.json', 'two'), (fault: Fault) => {
    assert.equal(fault.code, 'DISK_FULL')
    assert.equal(fault.seen.errno, 'ENOSPC')
    return true
  })
  assert.equal(await state.read('identity.json'), 'one')
})

const addGroup = (store: Store, name: string) =>
  store.transaction(async (tx) => {
    const spec = { description: 'x'.repeat(1000) }
    await tx.objects.put({ kind: 'user-group', name, spec })
    await tx.audit.append({ actor: 'system', action: 'user-group.create', object: name })
  })

test('a store on a full disk says so, keeps what it acknowledged, can be opened, and goes on once there is room', {
  skip: needs('root', 'netns'),
}, async (t) => {
  const dir = await smallDisk(t, '4m')
  const file = path.join(dir, 'store.db')
  const full = { code: 'DISK_FULL', hop: 'control' }
  {
    await using store = await openStore({ file })
    await addGroup(store, 'first')
    const empty = fill(dir)
    await assert.rejects(async () => {
      for (let i = 0; ; i += 1) await addGroup(store, `more-${i}`) // a log that was grown has room in it
    }, full)
    await assert.rejects(store.proveWritable(), full)
    assert.ok((await store.audit.verify()).intact)
    empty()
    await addGroup(store, 'then')
  }
  const empty = fill(dir)
  await using store = await openStore({ file })
  assert.ok((await store.objects.all('user-group')).some(({ name }) => name === 'then'))
  await assert.rejects(async () => {
    for (let i = 0; ; i += 1) await addGroup(store, `again-${i}`)
  }, full)
  empty()
  await addGroup(store, 'last')
  assert.ok((await store.audit.verify()).intact)
})

const GROUP = (name: string) => JSON.stringify({ kind: 'user-group', name, description: 'x'.repeat(1000) })

test('a server on a full disk starts, answers, and says that it is not ready and why', {
  skip: needs('root', 'netns'),
}, async (t) => {
  const state = await smallDisk(t, '16m')
  const first = await LoneServer.start(t, { state })
  await first.command(['apply', '-f', '-'], GROUP('first'))
  assert.equal((await first.get('/readyz')).status, 200)
  assert.equal(await first.stop(), 0)

  // Of a control plane that ended unasked, and took another's place: its edge was enrolled, and let the key lie.
  const [secret, pin] = [randomBytes(32).toString('base64url'), randomBytes(32)]
  const key = { edgeHost: '127.0.0.1', edgePort: first.port, secret, pin }
  await writeFile(path.join(state, 'edge', 'provision_key'), `${formatProvisioningKey(key)}\n`)
  const empty = fill(state)
  const server = await LoneServer.start(t, { state, port: first.port })
  assert.match(await server.command(['get', 'user-groups']), /first/)
  const ready = await server.get('/readyz')
  assert.equal(ready.status, 503)
  assert.match(ready.body, /"code":"DISK_FULL"/)
  await assert.rejects(server.command(['apply', '-f', '-'], GROUP('second')), /DISK_FULL/)
  empty()
  while ((await server.get('/readyz')).status !== 200) await setImmediate()
  await server.command(['apply', '-f', '-'], GROUP('third'))
})

test('a connector that is stopped in good order on a full disk is not told as one that ended without a word', {
  skip: needs('root', 'netns'),
}, async (t) => {
  await using site = await openSite()
  const keyFile = await site.keyFile()
  const stateDir = await smallDisk(t, '1m')
  /** What the next process says of the one before, which ended by this signal while nothing could be written. */
  const endedBy = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const connector = new ConnectorProcess({ stateDir, keyFile })
    await connector.event('connector.healthy')
    const empty = fill(stateDir)
    await assert.rejects(writeFile(path.join(stateDir, 'more'), 'x'), { code: 'ENOSPC' })
    connector.child.kill(signal)
    const { code } = await connector.exited
    assert.equal(code, signal === 'SIGTERM' ? 0 : null)
    if (signal === 'SIGTERM') assert.ok(connector.lines.some(({ event }) => event === 'state.unwritten'))
    empty()
    await using next = new ConnectorProcess({ stateDir, keyFile })
    await next.event('connector.healthy')
    next.child.kill('SIGTERM')
    await next.exited
    return next.lines.filter(({ event }) => event === 'daemon.was-killed').length
  }
  assert.equal(await endedBy('SIGTERM'), 0)
  assert.equal(await endedBy('SIGKILL'), 1, 'and of one that was killed it is said')
})
