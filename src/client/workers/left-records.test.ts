import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { RecordFile } from '../../agent/sessions/record-file.ts'
import { silentLog } from '../../base/log.ts'
import { gatherLeftRecords, recordsOfWorker } from './left-records.ts'

function folder(t: TestContext): { dir: string; main: string } {
  const dir = mkdtempSync(path.join(tmpdir(), 'left-records-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return { dir, main: path.join(dir, 'session-records') }
}

test('what workers left and control does not have waits with the records of the main process', async (t) => {
  const { dir, main } = folder(t)
  writeFileSync(main, '{"session":"a"}\n{"session":"b"}\n{"done":1}\n', { mode: 0o600 })
  writeFileSync(recordsOfWorker(main, 1), '{"session":"c"}\n{"session":"d"}\n{"done":1}\n')
  writeFileSync(recordsOfWorker(main, 2), '')
  writeFileSync(path.join(dir, 'session-records-of-mine'), 'not ours')
  await gatherLeftRecords(main, silentLog)
  assert.deepEqual(await RecordFile.read(main), ['{"session":"b"}', '{"session":"d"}'])
  assert.deepEqual(readdirSync(dir).sort(), ['session-records', 'session-records-of-mine'])
})

test('there may be no file of the main process, or nothing at all', async (t) => {
  const { dir, main } = folder(t)
  await gatherLeftRecords(path.join(dir, 'nowhere', 'session-records'), silentLog)
  writeFileSync(recordsOfWorker(main, 1), '{"session":"c"}\n')
  await gatherLeftRecords(main, silentLog)
  assert.equal(readFileSync(main, 'utf8'), '{"session":"c"}\n')
  assert.equal(statSync(main).mode & 0o777, 0o600)
})
