import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { ControlShares } from '../base/shares.ts'
import { RestFixture } from './fixture.ts'

/** Begins a request, and leaves the answer unread. */
async function begin(t: TestContext, api: RestFixture, path: string, token: string, method = 'GET') {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const request = http.request({ host: '127.0.0.1', port: api.port, method, path, headers, agent: false })
  request.on('error', () => {})
  t.after(() => request.destroy())
  request.end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return { status: response.statusCode, headers: response.headers, end: () => request.destroy() }
}

test('a token with requests without end is told to wait, and the admin is answered', async (t) => {
  const shares = new ControlShares()
  await using api = await RestFixture.open({ deps: { shares } })
  const script = await api.token('read-only')
  const { items } = (await api.ask('GET', '/api/v1/tokens')).body
  const { id } = items.find(({ name }: { name: string }) => name === 'a-read-only')
  // As many as are under way when a script does not wait for answers.
  while (shares.requests.mayTake(id)) shares.requests.take(id)
  const refused = await api.ask('GET', '/api/v1/users', { token: script })
  assert.equal(refused.status, 429)
  assert.equal(refused.body.code, 'RATE_LIMITED')
  assert.equal(refused.headers['retry-after'], '1')
  assert.match(refused.body.detail, /concurrent API requests: token tok_\w+ holds 128 of 256/)
  assert.equal((await api.ask('GET', '/api/v1/users')).status, 200)
  shares.requests.give(id)
  assert.equal((await begin(t, api, '/api/v1/users', script)).status, 200)
  // An answer gives its place back, and so does a refusal.
  while (shares.requests.heldBy(id) !== 127) await new Promise(setImmediate)
})

test('an answer that is not read holds its place, also where others of its connection wait behind it', async (t) => {
  const shares = new ControlShares()
  const large = 'x'.repeat(32 * 1024 * 1024)
  await using api = await RestFixture.open({ deps: { shares, edgeMetrics: async () => large } })
  const script = await api.token('read-only')
  const { id } = (await api.ask('GET', '/api/v1/whoami', { token: script })).body
  const socket = net.connect(api.port, '127.0.0.1').pause()
  t.after(() => socket.destroy())
  const head = `Host: 127.0.0.1\r\nAuthorization: Bearer ${script}\r\n\r\n`
  socket.write(`GET /metrics HTTP/1.1\r\n${head}GET /api/v1/users HTTP/1.1\r\n${head}`)
  await once(socket, 'readable')
  assert.ok(shares.requests.heldBy(id) >= 1)
  while (shares.requests.mayTake(id)) shares.requests.take(id)
  const refused = await api.ask('GET', '/api/v1/users', { token: script })
  assert.equal(refused.status, 429)
  const held = shares.requests.heldBy(id)
  socket.destroy()
  while (shares.requests.heldBy(id) >= held) await new Promise(setImmediate)
  assert.equal((await api.ask('GET', '/api/v1/users', { token: script })).status, 200)
})

test('a stranger who reads no answers has so many and no more, and tokens are served', async () => {
  const shares = new ControlShares()
  await using api = await RestFixture.open({ deps: { shares } })
  const ask = () => api.ask('GET', '/api/v1/openapi.json', { token: '' })
  assert.equal((await ask()).status, 200)
  while (shares.strangers.mayTake('127.0.0.1')) shares.strangers.take('127.0.0.1')
  const refused = await ask()
  assert.deepEqual([refused.status, refused.body.code], [429, 'RATE_LIMITED'])
  assert.ok(shares.strangers.mayTake('192.0.2.7'), 'and another address is served')
  assert.equal((await api.ask('GET', '/api/v1/users')).status, 200)
})

test('a token follows so many streams and no more, and that of another begins', async (t) => {
  const shares = new ControlShares()
  await using api = await RestFixture.open({ deps: { shares } })
  const script = await api.token('read-only')
  const path = '/api/v1/sessions/stream'
  const streams = []
  for (let n = 0; n < 64; n++) streams.push(await begin(t, api, path, script))
  assert.ok(streams.every(({ status }) => status === 200))
  const refused = await begin(t, api, path, script)
  assert.equal(refused.status, 429)
  assert.equal((await begin(t, api, path, api.owner)).status, 200)
  assert.equal((await api.ask('GET', '/api/v1/users', { token: script })).status, 200, 'the rest goes on')
  streams[0]!.end()
  while (shares.longAnswers.taken > 64) await new Promise(setImmediate)
  assert.equal((await begin(t, api, path, script)).status, 200)
})

test('lint and apply of a script wait in turn: that of the admin comes between', async () => {
  const shares = new ControlShares()
  await using api = await RestFixture.open({ deps: { shares } })
  const ends: (() => void)[] = []
  const ended: string[] = []
  const work = (name: string) =>
    shares.heavy.run('tok_script', async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      ends.push(resolve)
      await promise
      ended.push(name)
    })
  // As a script that lints all the time: two under way, and many behind them.
  const script = Array.from({ length: 12 }, (_, n) => work(`script ${n}`))
  const asked = api.ask('GET', '/api/v1/lint').then(({ status }) => ended.push(`admin ${status}`))
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  assert.deepEqual(ended, [], 'it waits for its turn')
  ends[0]!()
  ends[1]!()
  await asked
  assert.deepEqual(ended, ['script 0', 'script 1', 'admin 200'])
  while (ended.length < 13) {
    for (const end of ends.splice(0)) end()
    await new Promise(setImmediate)
  }
  await Promise.all(script)
})
