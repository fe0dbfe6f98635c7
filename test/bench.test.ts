import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { needs } from './needs.ts'
import { finish } from './program.ts'

const BENCH = [process.execPath, path.join(import.meta.dirname, '..', 'bench', 'run.ts')] as const

test('the bench brings up ours and measures it: no path is skipped, no sample is empty', {
  skip: needs('root', 'netns'),
}, async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-bench-'))
  t.after(() => rm(dir, { recursive: true }))
  const out = path.join(dir, 'result.json')
  const flags = [
    '--quick',
    '--rounds',
    '1',
    '--only',
    'bulk-down,sessions-1',
    '--peers',
    'direct',
    '--out',
    out,
  ]
  const { code, stdout, stderr } = await finish([...BENCH, ...flags], { timeoutMs: 180_000 })
  assert.equal(code, 0, `${stdout}${stderr}`)
  const { skipped, results } = JSON.parse(await readFile(out, 'utf8'))
  assert.deepEqual(skipped, [])
  assert.equal(results.length, 2)
  assert.match(stdout, /^ {2}backstitch +\d+/m)
})
