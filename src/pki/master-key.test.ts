import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { loadMasterKey } from './master-key.ts'

let root: string
let file: string
before(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'backstitch-master-'))
})
beforeEach(async () => {
  file = path.join(await mkdtemp(path.join(root, 'state-')), 'master.key')
})
after(() => rm(root, { recursive: true }))

const malformed = { name: 'Fault', code: 'MASTER_KEY' }

test('the first run makes a key that only its owner can read; the second uses it', async () => {
  const umask = process.umask(0)
  try {
    const first = await loadMasterKey({ file })
    assert.equal(first.created, true)
    assert.equal(first.key.length, 32)
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.deepEqual(await loadMasterKey({ file }), { key: first.key, created: false })
    assert.deepEqual(await readdir(path.dirname(file)), ['master.key'], 'nothing else is left')
  } finally {
    process.umask(umask)
  }
})

test('first runs side by side agree on one key, and one of them made it', async () => {
  const runs = await Promise.all(Array.from({ length: 8 }, () => loadMasterKey({ file })))
  assert.equal(new Set(runs.map(({ key }) => key.toString('hex'))).size, 1)
  assert.equal(runs.filter(({ created }) => created).length, 1)
  assert.deepEqual(await readdir(path.dirname(file)), ['master.key'])
})

for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777]) {
  test(`a file with mode ${mode.toString(8)} is refused and left as it is`, async () => {
    await loadMasterKey({ file })
    const before = await readFile(file, 'utf8')
    await chmod(file, mode)
    await assert.rejects(loadMasterKey({ file }), (thrown: { code: string; seen: { mode: string } }) => {
      assert.equal(thrown.code, 'MASTER_KEY')
      assert.equal(thrown.seen.mode, `0${mode.toString(8)}`)
      return true
    })
    assert.equal(await readFile(file, 'utf8'), before)
  })
}

test('the environment wins over the file, and makes none', async () => {
  const key = randomBytes(32)
  assert.deepEqual(await loadMasterKey({ file, env: key.toString('base64') }), { key, created: false })
  assert.deepEqual(await readdir(path.dirname(file)), [])
})

const good = randomBytes(32).toString('base64')
for (const [name, text] of [
  ['empty', ''],
  ['too short', randomBytes(31).toString('base64')],
  ['too long', randomBytes(33).toString('base64')],
  ['hex', randomBytes(32).toString('hex')],
  ['a space in it', `${good.slice(0, 10)} ${good.slice(10)}`],
  ['quotes around it', `"${good}"`],
  ['a line more', `${good}\nx`],
]) {
  test(`a malformed key is refused, from file and environment, and never replaced: ${name}`, async () => {
    await assert.rejects(loadMasterKey({ file, env: text! }), malformed)
    await writeFile(file, text!, { mode: 0o600 })
    await assert.rejects(loadMasterKey({ file }), (thrown: Error & { code: string }) => {
      assert.equal(thrown.code, 'MASTER_KEY')
      assert.ok(!text || !thrown.message.includes(text))
      return true
    })
    assert.equal(await readFile(file, 'utf8'), text)
  })
}

test('a line end after the key is no error', async () => {
  for (const end of ['', '\n', '\r\n']) {
    await writeFile(file, good + end, { mode: 0o600 })
    assert.equal((await loadMasterKey({ file })).key.toString('base64'), good)
  }
})

test('a link or a folder in its place is refused', async () => {
  const target = path.join(path.dirname(file), 'elsewhere')
  await writeFile(target, good, { mode: 0o600 })
  await symlink(target, file)
  await assert.rejects(loadMasterKey({ file }), malformed)
  await assert.rejects(loadMasterKey({ file: path.dirname(file) }), malformed)
})

test('a folder that does not exist is named as such', async () => {
  await assert.rejects(loadMasterKey({ file: path.join(root, 'none', 'master.key') }), {
    code: 'STATE_UNWRITABLE',
  })
})

test('what was sealed with a key that is gone gets no new key: it could not be opened', async () => {
  const sealed = path.join(path.dirname(file), 'backstitch.db')
  await assert.rejects(loadMasterKey({ file, sealed }), (thrown: { code: string; detail: string }) => {
    assert.equal(thrown.code, 'MASTER_KEY')
    assert.match(thrown.detail, /backstitch\.db.*put it back/)
    return true
  })
  assert.deepEqual(await readdir(path.dirname(file)), [])
  assert.equal((await loadMasterKey({ file, sealed, env: good })).created, false)
})
