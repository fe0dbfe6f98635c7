import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { Installation, PROGRAM } from './installation.ts'
import { finish } from './program.ts'

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-state-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

const startAt = (state: string) =>
  finish([PROGRAM, 'server', '--state', state, '--listen', '127.0.0.1:0', '--config', '/dev/null'])

test('a second server on the same state directory is refused, names the first, and changes nothing', async (t) => {
  const dir = await scratch(t)
  await using first = await Installation.start({ dir, reach: { domains: ['app.internal'], tcp: ['443'] } })
  const state = path.join(dir, 'server')
  const before = await readFile(path.join(state, 'context.json'), 'utf8')
  const { code, stderr } = await startAt(state)
  assert.equal(code, 1, stderr)
  assert.match(stderr, /STATE_IN_USE/)
  assert.match(stderr, new RegExp(`process ${first.server.pid} `))
  assert.equal(await readFile(path.join(state, 'context.json'), 'utf8'), before)
  await first.command('get', 'connectors')
})

test('a server refuses a state directory that others can write to', async (t) => {
  const dir = await scratch(t)
  await chmod(dir, 0o777)
  const { code, stderr } = await startAt(dir)
  assert.notEqual(code, 0)
  assert.match(stderr, /STATE_UNWRITABLE[\s\S]*chmod go-w/)
})
