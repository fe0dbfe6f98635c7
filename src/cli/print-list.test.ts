/** Lists of the real program, from a real server: whole, cut off by the reader, cut off by a fault. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { EXIT } from './exit-codes.ts'
import { PIN, serve } from './rest.fixture.ts'

const PROGRAM = path.resolve(import.meta.dirname, '../../bin/backstitch')

const session = (n: number) => ({
  ...{
    id: `ses_${n}`,
    startedAt: '2026-11-30T05:00:00.000Z',
    state: 'open',
    host: 'wiki.example',
    port: 443,
  },
  ...{ user: 'usr_1', names: { usr_1: n < 1000 ? 'alice' : 'alice-of-the-second-page' }, times: {} },
  ...{ bytesUp: n, bytesDown: n },
})

/** A page of `size` sessions, and where to go on; `from` is the first of it. */
function page(response: http.ServerResponse, from: number, size: number, all: number): void {
  const items = Array.from({ length: Math.max(0, Math.min(size, all - from)) }, (_, n) => session(from + n))
  const next = from + size < all ? String(from + size) : undefined
  response.end(JSON.stringify({ items, next }))
}

async function get(
  t: TestContext,
  answer: (response: http.ServerResponse, from: number) => void,
  shell: string,
) {
  let asked = 0
  await using at = await serve((request, response) => {
    asked++
    answer(response, Number(new URL(request.url!, 'https://x').searchParams.get('cursor') ?? 0))
  })
  const dir = mkdtempSync(path.join(tmpdir(), 'print-list-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const context = path.join(dir, 'context.json')
  const about = { version: 1, server: at.server, ...PIN, tokenFile: 'token' }
  writeFileSync(context, JSON.stringify(about), { mode: 0o600 })
  writeFileSync(path.join(dir, 'token'), 'bst_token', { mode: 0o600 })
  const child = spawn('bash', ['-c', shell, PROGRAM], {
    env: { ...process.env, BACKSTITCH_CONTEXT: context },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { stdout, stderr, asked, code: await ended }
}

const SESSIONS = '"$0" get sessions --limit 100000'

test('a list of many pages is one JSON array, as it is of one', async (t) => {
  const { stdout, code } = await get(t, (to, from) => page(to, from, 1000, 2500), `${SESSIONS} --json`)
  assert.equal(code, EXIT.OK)
  assert.equal(
    stdout,
    `${JSON.stringify(
      Array.from({ length: 2500 }, (_, n) => session(n)),
      null,
      2,
    )}\n`,
  )
  const none = await get(t, (to) => page(to, 0, 1000, 0), `${SESSIONS} --json`)
  assert.deepEqual([none.stdout, none.stderr], ['[]\n', ''])
})

test('a table of many pages has one head, and each page its columns', async (t) => {
  const { stdout } = await get(t, (to, from) => page(to, from, 1000, 1500), SESSIONS)
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.length, 1501)
  const column = (line: string) => line.indexOf('wiki.example')
  const columns = [lines.slice(1, 1001), lines.slice(1001)].map((part) => [...new Set(part.map(column))])
  assert.deepEqual(
    columns.map((part) => part.length),
    [1, 1],
  )
  assert.equal(lines.filter((line) => line.includes('STARTED')).length, 1)
})

for (const [how, words] of [
  ['table', ''],
  ['JSON', '--json'],
]) {
  test(`whoever has read enough ends a list of ${how} without end: calmly, and no more is asked for`, async (t) => {
    const endless = (to: http.ServerResponse, from: number) => page(to, from, 1000, 1e9)
    const shell = `"$0" get sessions --limit 1000000 ${words} | head -5; exit \${PIPESTATUS[0]}`
    const { stdout, stderr, code, asked } = await get(t, endless, shell)
    assert.deepEqual([code, stderr, stdout.split('\n').length], [EXIT.OK, '', 6])
    assert.ok(asked < 20, `${asked} pages`)
  })

  test(`a list of ${how} that ends in the middle says so, and after how many`, async (t) => {
    const cut = (to: http.ServerResponse, from: number) =>
      from < 2000 ? page(to, from, 1000, 5000) : void to.destroy()
    const { stdout, stderr, code } = await get(t, cut, `${SESSIONS} ${words}`)
    assert.equal(code, EXIT.UNREACHABLE)
    assert.match(stderr, /CONTROL_UNREACHABLE.*incomplete: it ends after 2000 sessions/s)
    assert.match(stdout, /ses_1999/)
    assert.doesNotMatch(stderr, /There are more/)
    if (words !== '') assert.throws(() => JSON.parse(stdout), SyntaxError)
  })
}
