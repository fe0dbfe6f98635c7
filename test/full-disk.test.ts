import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Fault } from '../src/base/faults.ts'
import { StateDir } from '../src/base/state-dir.ts'
import { needs } from './needs.ts'

test('a state directory on a full disk says DISK_FULL, not that owner or mode are wrong', {
  skip: needs('root', 'netns'),
}, async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-full-'))
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k,mode=0700', 'tmpfs', dir]).status, 0)
  t.after(async () => {
    spawnSync('umount', ['--lazy', dir])
    await rm(dir, { recursive: true, force: true })
  })
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
