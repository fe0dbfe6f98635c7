import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import type { Fault } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import { formatProvisioningKey } from '../../pki/provisioning-key.ts'
import { readKeyFile, removeKeyFile } from './key-file.ts'

const KEY = {
  edgeHost: 'edge.example',
  edgePort: 8443,
  secret: Buffer.alloc(32, 7).toString('base64url'),
  pin: Buffer.alloc(32, 9),
}
const TEXT = formatProvisioningKey(KEY)

async function keyFile(t: { after(work: () => unknown): void }, content: string | Buffer) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-key-'))
  t.after(() => rm(dir, { recursive: true }))
  const file = path.join(dir, 'provision_key')
  await writeFile(file, content, { mode: 0o600 })
  return file
}

for (const [name, ending] of [
  ['as printed', ''],
  ['newline', '\n'],
  ['CRLF', '\r\n'],
] as const) {
  test(`readKeyFile reads a key, ${name}`, async (t) => {
    assert.deepEqual(await readKeyFile(await keyFile(t, TEXT + ending), silentLog), KEY)
  })
}

const REFUSED: { name: string; content: string | Buffer; code: string; says?: RegExp }[] = [
  { name: 'empty', content: '', code: 'KEY_MISSING', says: /is empty/ },
  { name: 'blank', content: ' \r\n', code: 'KEY_MISSING' },
  { name: 'smart quotes', content: `“${TEXT}”`, code: 'KEY_MALFORMED', says: /U\+201C.*position 1\b/ },
  { name: 'byte order mark', content: `\uFEFF${TEXT}`, code: 'KEY_MALFORMED', says: /U\+FEFF.*position 1\b/ },
  ...(['UTF-16, with its mark', 'UTF-16, without'] as const).map((name, from) => ({
    ...{ name, content: Buffer.from(`\uFEFF${TEXT}`, 'utf16le').subarray(from * 2) },
    ...{ code: 'KEY_MALFORMED', says: /is encoded as UTF-16, .*save it as plain text/ },
  })),
  { name: 'two lines', content: `${TEXT}\n\n`, code: 'KEY_MALFORMED' },
  { name: 'cut', content: TEXT.slice(0, -4), code: 'KEY_MALFORMED' },
  { name: 'another file', content: Buffer.alloc(5000, 65), code: 'KEY_MALFORMED', says: /over 4096 bytes/ },
]
for (const { name, content, code, says } of REFUSED) {
  test(`readKeyFile refuses: ${name}`, async (t) => {
    await assert.rejects(readKeyFile(await keyFile(t, content), silentLog), (fault: Fault) => {
      assert.equal(fault.code, code)
      assert.match(fault.detail, says ?? /./)
      assert.ok(!fault.message.includes(KEY.secret), 'no secret in the message')
      return true
    })
  })
}

test('readKeyFile: no file is KEY_MISSING, a file that may not be read is KEY_UNREADABLE with uid and mode', async (t) => {
  const file = await keyFile(t, TEXT)
  await assert.rejects(readKeyFile(`${file}.none`, silentLog), { code: 'KEY_MISSING' })
  await chmod(file, 0o000)
  await chmod(path.dirname(file), 0o755)
  const refused = asNobody(() => readKeyFile(file, silentLog))
  const { code, seen } = await refused.then(
    () => assert.fail('it was read'),
    (fault: Fault) => fault,
  )
  assert.equal(code, 'KEY_UNREADABLE')
  assert.equal(seen.errno, 'EACCES')
  assert.equal(seen.mode, '0000')
})

test('readKeyFile warns about a key that everyone can read, and uses it', async (t) => {
  const file = await keyFile(t, TEXT)
  await chmod(file, 0o644)
  const lines: string[] = []
  await readKeyFile(file, pino({}, { write: (line) => lines.push(line) }))
  assert.match(lines.join(), /key\.world-readable.*0644/)
  assert.ok(!lines.join().includes(KEY.secret))
})

test('removeKeyFile removes it, and says so where it may not', async (t) => {
  const file = await keyFile(t, TEXT)
  const lines: string[] = []
  const log = pino({}, { write: (line) => lines.push(line) })
  await chmod(path.dirname(file), 0o555)
  await asNobody(() => removeKeyFile(file, log))
  assert.match(lines.join(), /key\.spent.*can be removed/)
  await removeKeyFile(file, log)
  await assert.rejects(stat(file), { code: 'ENOENT' })
  assert.match(lines.join(), /key\.removed/)
})

test('removeKeyFile leaves a link, and what it leads to, and does not say that the key is gone', async (t) => {
  const file = await keyFile(t, TEXT)
  const link = `${file}.link`
  await symlink(file, link)
  const lines: string[] = []
  await removeKeyFile(link, pino({}, { write: (line) => lines.push(line) }))
  assert.match(lines.join(), /key\.spent/)
  assert.doesNotMatch(lines.join(), /key\.removed/)
  assert.deepEqual(await readKeyFile(link, silentLog), KEY)
})

/** As a user for whom modes count: root reads everything. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work()
  process.seteuid!(65_534)
  try {
    return await work()
  } finally {
    process.seteuid!(0)
  }
}
