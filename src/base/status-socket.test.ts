import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Fault } from './faults.ts'
import { readStatus, StatusSocket } from './status-socket.ts'

async function scratch(t: { after(work: () => unknown): void }): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-status-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('StatusSocket gives the document of now, mode 0600, and is gone after disposal', async (t) => {
  const file = path.join(await scratch(t), 'status.sock')
  let sessions = 1
  {
    await using socket = await StatusSocket.open(file, () => ({ sessions, pid: process.pid }))
    assert.ok(socket)
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.deepEqual(await readStatus(file), { sessions: 1, pid: process.pid })
    sessions = 2
    assert.deepEqual(await readStatus(file), { sessions: 2, pid: process.pid })
  }
  assert.equal(await readStatus(file), undefined)
  await assert.rejects(stat(file), { code: 'ENOENT' })
})

test('StatusSocket refuses a second daemon and names the first', async (t) => {
  const file = path.join(await scratch(t), 'status.sock')
  await using first = await StatusSocket.open(file, () => ({ pid: 4242 }))
  assert.ok(first)
  await assert.rejects(
    StatusSocket.open(file, () => ({})),
    (fault: Fault) => {
      assert.equal(fault.code, 'STATE_IN_USE')
      assert.equal(fault.seen.pid, process.pid)
      return true
    },
  )
  assert.deepEqual(await readStatus(file), { pid: 4242 }, 'the first still answers')
})

test('StatusSocket: of many that start at once one has the directory, also after a kill -9', async (t) => {
  const file = path.join(await scratch(t), 'status.sock')
  const module = JSON.stringify(import.meta.resolve('./status-socket.ts'))
  const program = `
    const { StatusSocket } = await import(${module})
    await StatusSocket.open(${JSON.stringify(file)}, () => ({ pid: process.pid }))
      .then(() => console.log('has it'), (fault) => { console.log(fault.code); process.exit() })`
  for (let round = 0; round < 2; round += 1) {
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )
    t.after(() => children.map((child) => child.kill('SIGKILL')))
    const said = await Promise.all(children.map(async ({ stdout }) => String(await once(stdout, 'data'))))
    assert.deepEqual(said.map((text) => text.trim()).sort(), [...Array(3).fill('STATE_IN_USE'), 'has it'])
    const winner = children[said.findIndex((text) => text.startsWith('has'))]!
    assert.deepEqual(await readStatus(file), { pid: winner.pid })
    const gone = once(winner, 'exit')
    winner.kill('SIGKILL')
    await gone
  }
})

test('StatusSocket takes over what a killed daemon left', async (t) => {
  const file = path.join(await scratch(t), 'status.sock')
  const script = `require('net').createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, 'SIGKILL'))`
  assert.equal(spawnSync(process.execPath, ['-e', script]).signal, 'SIGKILL')
  assert.ok(await stat(file))
  await using socket = await StatusSocket.open(file, () => ({ pid: 1 }))
  assert.ok(socket)
  assert.deepEqual(await readStatus(file), { pid: 1 })
})

test('StatusSocket names a path that is too long and a folder that is not there', async (t) => {
  const dir = await scratch(t)
  await assert.rejects(
    StatusSocket.open(path.join(dir, 'x'.repeat(120)), () => ({})),
    { code: 'STATE_UNWRITABLE', detail: /107/ },
  )
  await chmod(dir, 0o700)
  await assert.rejects(
    StatusSocket.open(path.join(dir, 'none', 's'), () => ({})),
    { code: 'STATE_UNWRITABLE' },
  )
})
