import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { LoneServer } from './lone-server.ts'

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-log-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('a server whose standard output and error have no space starts, serves and stops', async (t) => {
  const full = openSync('/dev/full', 'w')
  t.after(() => closeSync(full))
  const server = await LoneServer.start(t, { state: await scratch(t), stdio: full })
  assert.equal((await server.get('/healthz')).status, 200)
  assert.equal(await server.stop(), 0)
})

test('a server whose log nobody reads goes on serving, and stops when it is asked to', async (t) => {
  // Every request is a line, so that the pipe is full soon.
  const env = { BACKSTITCH_LOG_LEVEL: 'trace' }
  const server = await LoneServer.start(t, { state: await scratch(t), stdio: 'pipe', env })
  for (let i = 0; i < 400; i += 1) {
    assert.notEqual((await server.get(`/api/v1/users/${'u'.repeat(200)}${i}`)).status, 200)
  }
  assert.equal((await server.get('/healthz')).status, 200)
  assert.equal(await server.stop(), 0)
})
