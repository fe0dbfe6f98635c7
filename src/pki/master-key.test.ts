import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { Fault } from '../base/faults.ts'
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
    assert.match(thrown.detail, /backstitch\.db.*restore it/)
    return true
  })
  assert.deepEqual(await readdir(path.dirname(file)), [])
  assert.equal((await loadMasterKey({ file, sealed, env: good })).created, false)
})

const KEY = randomBytes(32)
const UTF_16 = (text: string, mark = '') => Buffer.from(`${mark}${text}`, 'utf16le')

test('a key file that an editor saved with a byte order mark is read; one in UTF-16 is named as such', async () => {
  const text = `${KEY.toString('base64')}\n`
  await writeFile(file, `\ufeff${text}`, { mode: 0o600 })
  assert.deepEqual((await loadMasterKey({ file })).key, KEY)
  for (const bytes of [UTF_16(text), UTF_16(text, '\ufeff'), UTF_16(text, '\ufeff').swap16()]) {
    await writeFile(file, bytes, { mode: 0o600 })
    await assert.rejects(loadMasterKey({ file }), ({ code, detail, seen }: Fault) => {
      assert.equal(code, 'MASTER_KEY')
      assert.match(detail, /^\/.*master\.key is encoded as UTF-16, as .*: save it as plain text/)
      assert.deepEqual(seen, { file, problem: 'UTF-16' })
      return true
    })
  }
})

test('what is no key is told by what came, and not a part of it', async () => {
  const good = KEY.toString('base64')
  const CASES: [text: string, told: RegExp][] = [
    ['\n', /: it is empty$/],
    [`\u201c${good}\u201d\n`, /: character 1 of 46 is U\+201C$/],
    [`${good.slice(0, 20)} ${good.slice(20)}`, /: character 21 of 45 is U\+0020$/],
    [good.slice(0, 40), /: 40 characters, for 30 bytes$/],
  ]
  for (const [text, told] of CASES) {
    await writeFile(file, text, { mode: 0o600 })
    await assert.rejects(loadMasterKey({ file }), ({ detail }: Fault) => {
      assert.match(detail, /^\/.*master\.key does not contain base64 of 32 bytes: /)
      assert.match(detail, told)
      for (let at = 0; at + 4 <= good.length; at++) assert.ok(!detail.includes(good.slice(at, at + 4)))
      return true
    })
  }
})
