import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Fault } from './faults.ts'
import { StateDir } from './state-dir.ts'

async function scratch(t: { after(work: () => unknown): void }): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-state-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('StateDir makes the directory 0700 and files 0600, and leaves no temporary file', async (t) => {
  const state = await StateDir.open(path.join(await scratch(t), 'a', 'b'))
  assert.equal(await state.read('identity.json'), undefined)
  await state.write('identity.json', 'one')
  await state.write('identity.json', 'two')
  assert.equal(await state.read('identity.json'), 'two')
  assert.equal((await stat(state.path)).mode & 0o777, 0o700)
  assert.equal((await stat(state.file('identity.json'))).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(state.path), ['identity.json'])
  await state.remove('identity.json')
  await state.remove('identity.json')
  assert.deepEqual(await readdir(state.path), [])
})

test('StateDir refuses a directory that others can write to', async (t) => {
  const dir = await scratch(t)
  await chmod(dir, 0o777)
  await assert.rejects(StateDir.open(dir), (fault: Fault) => {
    assert.equal(fault.code, 'STATE_UNWRITABLE')
    assert.equal(fault.seen.mode, '0777')
    return true
  })
})

test('StateDir names path and errno when it cannot be made', async (t) => {
  const dir = await scratch(t)
  await writeFile(path.join(dir, 'file'), '')
  await assert.rejects(StateDir.open(path.join(dir, 'file', 'state')), (fault: Fault) => {
    assert.equal(fault.code, 'STATE_UNWRITABLE')
    assert.equal(fault.seen.errno, 'ENOTDIR')
    return true
  })
})

test('StateDir: a write that fails leaves the old content', async (t) => {
  const state = await StateDir.open(await scratch(t))
  await mkdir(state.file('identity.json'))
  await writeFile(path.join(state.file('identity.json'), 'old'), 'old')
  await assert.rejects(state.write('identity.json', 'new'), { code: 'STATE_UNWRITABLE' })
  assert.deepEqual(await readdir(state.path), ['identity.json'])
})
