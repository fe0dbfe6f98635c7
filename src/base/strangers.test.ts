import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  closeSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { readConfig } from './config.ts'
import type { Fault } from './faults.ts'
import { StateDir } from './state-dir.ts'
import { refuseStrangers, strangerOn } from './strangers.ts'

const STRANGER = 65_533

function scratch(t: { after(work: () => unknown): void }): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'bs-strangers-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

function folder(...names: string[]): string {
  const made = path.join(...names)
  mkdirSync(made, { recursive: true, mode: 0o700 })
  return made
}

test('what this user made, in a directory of its own below /tmp, is nobody else’s', async (t) => {
  const dir = scratch(t)
  const own = folder(dir, 'a', 'b')
  assert.equal(await strangerOn(own), undefined)
  assert.equal(await strangerOn(path.join(own, 'not-there-yet', 'c')), undefined)
})

test('a directory above that others may write to is named, and what to do', async (t) => {
  const dir = scratch(t)
  const own = folder(dir, 'open', 'state')
  for (const mode of [0o777, 0o757, 0o775]) {
    chmodSync(path.join(dir, 'open'), mode)
    const found = await strangerOn(own)
    assert.equal(found?.path, path.join(dir, 'open'), mode.toString(8))
    assert.equal(found?.fix, `chmod go-w ${path.join(dir, 'open')}`)
  }
  chmodSync(path.join(dir, 'open'), 0o1777)
  assert.equal(await strangerOn(own), undefined, 'as /tmp: nobody renames what is another’s')
  assert.equal(
    (await strangerOn(path.join(dir, 'open')))?.why,
    'others can write to it',
    'not to keep state in',
  )
})

test('links are followed: what they lead through counts', async (t) => {
  const dir = scratch(t)
  folder(dir, 'open', 'inner')
  chmodSync(path.join(dir, 'open'), 0o777)
  symlinkSync(path.join(dir, 'open', 'inner'), path.join(dir, 'absolute'))
  symlinkSync('absolute/../../open/inner', path.join(dir, 'relative'))
  for (const name of ['absolute', 'relative', 'absolute/not-there-yet']) {
    assert.equal((await strangerOn(path.join(dir, name)))?.path, path.join(dir, 'open'), name)
  }
  symlinkSync('circle', path.join(dir, 'circle'))
  assert.equal(await strangerOn(path.join(dir, 'circle')), undefined, 'whoever opens it says so')
})

test('a device or a pipe is nobody’s file', async () => {
  assert.equal(await strangerOn('/dev/null'), undefined)
  assert.equal(await strangerOn('/dev/stdin'), undefined)
})

test('the fault names file, place, owner and mode', async (t) => {
  const dir = scratch(t)
  const file = path.join(folder(dir, 'open'), 'server.yaml')
  writeFileSync(file, '')
  chmodSync(path.join(dir, 'open'), 0o777)
  await assert.rejects(refuseStrangers(file, { code: 'INVALID', hop: 'control' }), (fault: Fault) => {
    assert.equal(fault.code, 'INVALID')
    const { path: at, mode, file: of } = fault.seen
    assert.deepEqual([of, at, mode], [file, path.join(dir, 'open'), '0777'])
    assert.match(fault.detail, /chmod go-w /)
    return true
  })
})

test('what belongs to another user is refused, as a directory, above it, and as a link', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async (t) => {
  const dir = scratch(t)
  const theirs = folder(dir, 'theirs')
  const below = folder(theirs, 'state')
  chownSync(theirs, STRANGER, STRANGER)
  for (const at of [theirs, below, path.join(below, 'not-there-yet')]) {
    await assert.rejects(StateDir.open(at), (fault: Fault) => {
      assert.equal(fault.code, 'STATE_UNWRITABLE')
      assert.deepEqual([fault.seen.path, fault.seen.owner], [theirs, STRANGER])
      assert.match(fault.detail, /sudo -u '#65533'/)
      return true
    })
  }
  const ours = folder(dir, 'ours')
  symlinkSync(ours, path.join(dir, 'link'))
  assert.equal(await strangerOn(path.join(dir, 'link')), undefined)
  lchownSync(path.join(dir, 'link'), STRANGER, STRANGER)
  assert.equal((await strangerOn(path.join(dir, 'link')))?.owner, STRANGER)
})

test('nothing is made in a directory of another user', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async (t) => {
  const dir = scratch(t)
  const theirs = folder(dir, 'theirs')
  chownSync(theirs, STRANGER, STRANGER)
  await assert.rejects(StateDir.open(path.join(theirs, 'a', 'b')), { code: 'STATE_UNWRITABLE' })
  assert.equal(await strangerOn(path.join(theirs, 'a')).then((found) => found?.path), theirs)
  await assert.rejects(
    import('node:fs/promises').then(({ stat }) => stat(path.join(theirs, 'a'))),
    { code: 'ENOENT' },
  )
})

test('behind a link, .. is where the link leads', async (t) => {
  const dir = scratch(t)
  folder(dir, 'open', 'inner')
  chmodSync(path.join(dir, 'open'), 0o777)
  symlinkSync(path.join(dir, 'open', 'inner'), path.join(dir, 'link'))
  assert.equal((await strangerOn(`${dir}/link/../server.yaml`))?.path, path.join(dir, 'open'))
})

test('what somebody else puts there after the look is not used', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async (t) => {
  const dir = scratch(t)
  const { lstat } = fsPromises
  t.after(() => {
    fsPromises.lstat = lstat
    syncBuiltinESMExports()
  })
  /** Their move comes between the answer to a look at `file` and what follows from it. */
  const afterLook = (file: string, which: number, move: () => void) => {
    let looks = 0
    fsPromises.lstat = (async (at: string) => {
      const isTheirs = at === file && ++looks === which
      if (isTheirs) rmSync(file, { recursive: true, force: true })
      const found = lstat(at)
      if (isTheirs) await found.catch(move)
      return found
    }) as typeof lstat
    syncBuiltinESMExports()
  }
  const theirFile = (file: string) => () => {
    writeFileSync(file, 'a: theirs')
    chownSync(file, STRANGER, STRANGER)
  }
  const config = path.join(dir, 'server.yaml')
  afterLook(config, 1, theirFile(config))
  assert.equal(await readConfig(config, { schema: z.object({ a: z.string() }) }), undefined)
  const state = path.join(dir, 'state')
  afterLook(state, 2, () => {
    folder(state)
    chownSync(state, STRANGER, STRANGER)
  })
  await assert.rejects(StateDir.open(state), { code: 'STATE_UNWRITABLE' })
  assert.deepEqual(readdirSync(state), [])
})

test('what is handed over as a descriptor is read, whatever became of its name', async (t) => {
  const file = path.join(scratch(t), 'here-document')
  writeFileSync(file, 'a: 1')
  const descriptor = openSync(file, 'r')
  t.after(() => closeSync(descriptor))
  rmSync(file)
  assert.deepEqual(await readConfig(`/dev/fd/${descriptor}`, { schema: z.object({ a: z.number() }) }), {
    a: 1,
  })
})
