import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { finish } from '../program.ts'
import type { Outcome } from './reporter.ts'

const FILE = `
import { describe, test } from 'node:test'
describe('whole', () => {
  test('passes', () => {})
  test('fails', () => { throw new Error('why') })
  test('is skipped', { skip: 'needs a: b' }, () => {})
})
describe('never begun', { skip: 'needs c: d' }, () => {
  test('is not even seen', () => {})
})
`

test('every test is told once; a suite only where it was skipped as a whole', async () => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-reporter-'))
  try {
    const [file, report] = [path.join(dir, 'some.test.mjs'), path.join(dir, 'report')]
    await writeFile(file, FILE)
    const reporter = path.join(import.meta.dirname, 'reporter.ts')
    const flags = [`--test-reporter=${reporter}`, `--test-reporter-destination=${report}`]
    const env = { NODE_TEST_CONTEXT: undefined } // or it reports to the run that this is a test of
    const { code } = await finish([process.execPath, '--test', ...flags, file], { env })
    assert.equal(code, 1)
    const outcomes = (await readFile(report, 'utf8')).trim().split('\n')
    const lines = outcomes.map((line) => JSON.parse(line) as Outcome)
    const used = lines.at(-1)!
    assert.ok(used.is === 'used' && used.cpuMs > 0, 'and at the end what it took')
    const told = lines.filter((outcome) => outcome.is !== 'used')
    assert.deepEqual(
      told.map((outcome) => [outcome.is, outcome.name, 'reason' in outcome ? outcome.reason : '']),
      [
        ['pass', 'passes', ''],
        ['fail', 'fails', ''],
        ['skip', 'is skipped', 'needs a: b'],
        ['skip', 'never begun', 'needs c: d'],
      ],
    )
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
