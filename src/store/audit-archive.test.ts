import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Clock } from '../base/clock.ts'
import { archiveAudit, verifyArchive } from './audit-archive.ts'
import { openStore } from './store.ts'

async function withRecords(t: TestContext, count: number) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-archive-'))
  t.after(() => rm(dir, { recursive: true }))
  let nowMs = 1000
  const clock: Clock = { nowMs: () => nowMs++, monotonicUs: () => 0 }
  const store = await openStore({ file: path.join(dir, 'store.db'), clock })
  t.after(() => store[Symbol.asyncDispose]())
  await store.transaction(async (tx) => {
    for (let n = 1; n <= count; n += 1) {
      await tx.audit.append({ actor: 'system', action: 'a.b', object: `${n}`, detail: { 2: 'b', 1: 'ä', n } })
    }
  })
  const archive = path.join(dir, 'audit')
  const files = async () =>
    (await readdir(archive))
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .map((name) => path.join(archive, name))
  const move = (beforeMs: number) => archiveAudit(store, { beforeMs, dir: archive })
  return { store, archive, files, move }
}

test('what is old goes into files that follow from one another, and the chain of the store from them', async (t) => {
  const { store, files, move } = await withRecords(t, 4100)
  assert.equal(await move(1000 + 4050), 4050)
  const made = await files()
  assert.deepEqual(
    made.map((file) => path.basename(file)),
    ['audit-000000000001.jsonl', 'audit-000000002001.jsonl', 'audit-000000004001.jsonl'],
  )
  assert.equal((await stat(made[0]!)).mode & 0o777, 0o600)
  const { from, last } = await verifyArchive(made)
  assert.deepEqual([from, last.seq], [1, 4050])
  const verdict = await store.audit.verify()
  assert.ok(verdict.intact)
  assert.deepEqual([verdict.records, verdict.archived], [4100, last])
  assert.equal((await store.audit.list({ limit: 1000 })).items.at(-1)?.seq, 4051)
  await store.audit.append({ actor: 'system', action: 'a.b', object: '' })
  assert.equal((await store.audit.verify()).intact, true)
  assert.equal(await move(1000 + 4050), 0)
})

test('text of strangers with separators of lines breaks no chain', async (t) => {
  const { store, files, move } = await withRecords(t, 1)
  const name = 'laptop\u2028of\u2029mallory\u0085\r\n'
  await store.audit.append({ actor: 'system', action: 'a.b', object: name, detail: { name } })
  await store.audit.append({ actor: 'system', action: 'a.b', object: '' })
  await move(1_000_000)
  assert.equal((await verifyArchive(await files())).last.seq, 3)
})

test('a file that was written before a crash is written anew, and nothing is lost', async (t) => {
  const { store, archive, files, move } = await withRecords(t, 5)
  await move(1003)
  await writeFile(path.join(archive, 'audit-000000000004.jsonl'), 'half a file')
  await move(2000)
  assert.deepEqual((await verifyArchive(await files())).last.seq, 5)
  assert.equal((await store.audit.verify()).intact, true)
})

test('what was archived before an older database was put back stays beside what that archives', async (t) => {
  const { store, archive, files, move } = await withRecords(t, 5)
  const former = path.join(archive, 'audit-000000000001.jsonl')
  await mkdir(archive)
  const lines = (await store.audit.oldest(3, 2000)).map((row) => `${JSON.stringify(row)}\n`)
  const otherwise = `${lines.join('')}{"seq":4,"of":"a time that was taken back"}\n`
  await writeFile(former, otherwise)
  await move(2000)
  assert.equal((await verifyArchive(await files())).last.seq, 5)
  assert.equal((await readdir(archive)).length, 2)
  const kept = (await readdir(archive)).find((name) => !name.endsWith('.jsonl'))
  assert.equal(await readFile(path.join(archive, kept!), 'utf8'), otherwise)
})

test('an archive that cannot be written moves nothing', async (t) => {
  const { store, archive, move } = await withRecords(t, 5)
  await writeFile(archive, 'in the way')
  await assert.rejects(move(2000), { code: 'STATE_UNWRITABLE' })
  const verdict = await store.audit.verify()
  assert.deepEqual(verdict.intact && [verdict.records, verdict.archived], [5, undefined])
})

test('the store is checked while it is archived: nothing is called missing', async (t) => {
  const { store, move } = await withRecords(t, 4100)
  const [verdict] = await Promise.all([store.audit.verify(), move(Number.MAX_SAFE_INTEGER)])
  assert.equal(verdict.intact, true)
})

for (const [name, change, wanted] of [
  ['changed', (text: string) => text.replace('"object":"2"', '"object":"9"'), /record 2: its content/],
  ['without a line', (text: string) => text.replace(/^.*"seq":3.*\n/m, ''), /record 4: record 3 is missing/],
  ['cut within a line', (text: string) => text.slice(0, -30), /audit-0+1\.jsonl:5: /],
  ['empty', () => '', /no record/],
] as const) {
  test(`an archive that is ${name} is named, file and record`, async (t) => {
    const { files, move } = await withRecords(t, 5)
    await move(2000)
    const [file] = await files()
    await writeFile(file!, change(await readFile(file!, 'utf8')))
    await assert.rejects(verifyArchive([file!]), wanted)
  })
}
