import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { runSuite } from './suite.ts'

/** Test files of these bodies, in a folder of their own. */
function filesOf(t: TestContext, ...bodies: string[]): string[] {
  const dir = mkdtempSync(path.join(tmpdir(), 'backstitch-suite-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return bodies.map((body, n) => {
    const file = path.join(dir, `${n}.test.mjs`)
    const head = "import { test } from 'node:test'\nimport { existsSync, writeFileSync } from 'node:fs'\n"
    writeFileSync(file, `${head}const mark = ${JSON.stringify(`${file}.ran`)}\n${body}`)
    return file
  })
}

const PASSES = "test('passes', () => {})"
const FAILS = "test('fails', () => { throw new Error('broken') })"
const FAILS_ONCE = `test('fails once', () => {
  if (existsSync(mark)) return
  writeFileSync(mark, '')
  throw new Error('too busy')
})`

test('what fails beside other files runs once more, alone, and the result tells', async (t) => {
  const result = await runSuite(filesOf(t, PASSES, FAILS_ONCE), { quietMs: 60_000 })
  assert.deepEqual([result.passed, result.failures], [2, []])
  assert.deepEqual(
    result.onlyAlone.map(({ name, text }) => [name, /too busy/.test(text)]),
    [['fails once', true]],
  )
})

test('what fails alone too has failed, and is counted once', async (t) => {
  const result = await runSuite(filesOf(t, PASSES, FAILS), { quietMs: 60_000 })
  assert.deepEqual(
    [result.passed, result.failures.map(({ name }) => name), result.onlyAlone],
    [1, ['fails'], []],
  )
})

test('where many files fail, or one that sees to that itself, nothing runs again', async (t) => {
  const many = await runSuite(filesOf(t, ...Array(6).fill(FAILS_ONCE)), { quietMs: 60_000 })
  assert.equal(many.failures.length, 6)
  const [file] = filesOf(t, FAILS_ONCE)
  assert.equal((await runSuite([file!], { quietMs: 60_000, once: true })).failures.length, 1)
})

test('a process may take as long as it gets on; one that is quiet for too long is killed', async (t) => {
  const slow = `import { setTimeout as delay } from 'node:timers/promises'
  for (let n = 0; n < 5; n++) test('a while ' + n, () => delay(700))`
  const hangs = "test('hangs', () => new Promise(() => setInterval(() => {}, 1000)))"
  const result = await runSuite(filesOf(t, slow, hangs), { quietMs: 2500, once: true })
  assert.equal(result.passed, 5)
  assert.deepEqual(
    result.failures.map(({ name, text }) => [name, /wrote nothing for 3 s|wrote nothing for 2 s/.test(text)]),
    [['did not end', true]],
  )
})

test('files of a folder that keep nothing in the process share one, and each is told with what it took', async (t) => {
  const files = filesOf(t, PASSES, PASSES, PASSES)
  const { batches } = await runSuite(files, { quietMs: 60_000, sharing: /./ })
  assert.deepEqual(
    batches.map((batch) => [batch.files, batch.passed, batch.cpuMs > 0]),
    [[files, 3, true]],
  )
})

test('what tests write for a while goes to memory where there is some, and is gone with the run', async (t) => {
  const [file] = filesOf(t, "test('where', () => writeFileSync(mark, process.env.TMPDIR ?? ''))")
  await runSuite([file!], { quietMs: 60_000, inMemory: true })
  const scratch = readFileSync(`${file}.ran`, 'utf8')
  if (existsSync('/dev/shm')) assert.match(scratch, /^\/dev\/shm\/backstitch-test-/)
  assert.ok(!existsSync(scratch))
})
