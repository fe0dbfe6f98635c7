import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { PIN, serve } from './rest.fixture.ts'

const PROGRAM = path.resolve(import.meta.dirname, '../../bin/backstitch')
const MADE = {
  id: 'key_1',
  name: 'dc1-x',
  key: '1|edge.example|secret',
  expiresAt: '2030-01-01T00:00:00.000Z',
}

/** `key create` of the real program, whose output goes to a full device, or is closed. */
async function create(
  t: TestContext,
  o: { readonly out: 'full' | 'closed'; readonly deletes?: number; readonly words?: readonly string[] },
) {
  const asked: string[] = []
  await using at = await serve((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (request.method === 'DELETE') response.writeHead(o.deletes ?? 204).end()
    else response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(MADE))
  })
  const dir = mkdtempSync(path.join(tmpdir(), 'key-'))
  t.after(() => rmSync(dir, { recursive: true }))
  writeFileSync(path.join(dir, 'token'), 'bst_x', { mode: 0o600 })
  const context = path.join(dir, 'context.json')
  writeFileSync(context, JSON.stringify({ version: 1, server: at.server, ...PIN, tokenFile: 'token' }), {
    mode: 0o600,
  })
  const full = openSync('/dev/full', 'w')
  const args = ['--context', context, ...(o.words ?? ['key', 'create', '--group', 'dc1'])]
  const child = spawn(PROGRAM, args, { stdio: ['ignore', o.out === 'full' ? full : 'pipe', 'pipe'] })
  closeSync(full)
  child.stdout?.destroy()
  const [said, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit') as Promise<[number]>])
  return { said, code, asked }
}

for (const out of ['full', 'closed'] as const) {
  test(`a key whose output is ${out} is revoked, and the command fails and says so`, async (t) => {
    const { said, code, asked } = await create(t, { out })
    assert.deepEqual(asked, ['POST /api/v1/provisioning-keys', 'DELETE /api/v1/provisioning-keys/key_1'])
    assert.equal(code, 1)
    assert.match(
      said,
      /KEY_REVOKED .*: standard output: (?:ENOSPC|EPIPE), so key dc1-x was not delivered: it was revoked/,
    )
  })
}

test('a token is handed over in the same way', async (t) => {
  const { said, code, asked } = await create(t, {
    out: 'full',
    words: ['token', 'create', 'dc1-x', '--role', 'operator'],
  })
  assert.deepEqual(asked, ['POST /api/v1/tokens', 'DELETE /api/v1/tokens/key_1'])
  assert.notEqual(code, 0)
  assert.match(said, /standard output: ENOSPC, so token dc1-x was not delivered: it was revoked/)
})

test('one that cannot be revoked either is named, with the command that does it', async (t) => {
  const { said, code } = await create(t, { out: 'full', deletes: 503 })
  assert.notEqual(code, 0)
  assert.match(said, /key dc1-x was not delivered, but it exists: backstitch delete key dc1-x/)
})
