import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { pino } from 'pino'
import { ROLES, type TokenRole } from '../../api/roles.ts'
import { handClock, RestFixture } from './fixture.ts'

const HOSTS: { name: string; headers: Record<string, string>; status: number }[] = [
  { name: 'an address', headers: { host: '127.0.0.1:1' }, status: 200 },
  { name: 'an IPv6 address', headers: { host: '[::1]:8443' }, status: 200 },
  { name: 'localhost', headers: { host: 'localhost:1' }, status: 200 },
  { name: 'our name', headers: { host: 'Control.Example.' }, status: 200 },
  { name: 'a rebound name', headers: { host: 'evil.example' }, status: 421 },
  { name: 'our name as a suffix', headers: { host: 'evil-control.example' }, status: 421 },
  { name: 'our name before another', headers: { host: 'control.example.evil.example' }, status: 421 },
  {
    name: 'our own origin',
    headers: { host: 'control.example', origin: 'https://control.example' },
    status: 200,
  },
  {
    name: 'a foreign origin',
    headers: { host: 'control.example', origin: 'https://evil.example' },
    status: 421,
  },
  { name: 'a null origin', headers: { host: 'control.example', origin: 'null' }, status: 421 },
  {
    name: 'a foreign site',
    headers: { host: 'control.example', 'sec-fetch-site': 'cross-site' },
    status: 421,
  },
]

test('Host and Origin decide before anything else', async (t) => {
  await using rest = await RestFixture.open()
  for (const { name, headers, status } of HOSTS) {
    await t.test(name, async () => {
      const answer = await rest.ask('GET', '/api/v1/whoami', { headers })
      assert.equal(answer.status, status, answer.text)
      if (status === 421) assert.equal(answer.body.code, 'WRONG_HOST')
    })
  }
  assert.equal(
    (await rest.ask('GET', '/healthz', { headers: { host: 'evil.example' }, token: '' })).status,
    421,
  )
})

/** What each role may do; everything else it may not. */
const MAY: Record<TokenRole, string[]> = {
  owner: ['read', 'audit', 'operate', 'configure', 'own'],
  admin: ['read', 'audit', 'operate', 'configure'],
  operator: ['read', 'operate'],
  auditor: ['read', 'audit'],
  'read-only': ['read'],
}
const OPERATIONS: { needs: string; method: string; path: string; body?: object }[] = [
  { needs: 'read', method: 'GET', path: '/api/v1/segments' },
  { needs: 'read', method: 'GET', path: '/metrics' },
  { needs: 'audit', method: 'GET', path: '/api/v1/audit' },
  {
    needs: 'operate',
    method: 'POST',
    path: '/api/v1/trace',
    body: { user: 'none', host: 'a.example', port: 1 },
  },
  {
    needs: 'configure',
    method: 'POST',
    path: '/api/v1/provisioning-keys',
    body: { name: 'k', group: 'none' },
  },
  { needs: 'configure', method: 'POST', path: '/api/v1/segments', body: {} },
  { needs: 'configure', method: 'POST', path: '/api/v1/apply', body: { documents: [], dryRun: true } },
  { needs: 'own', method: 'GET', path: '/api/v1/tokens' },
]

test('each role may do what it is for and no more', async (t) => {
  await using rest = await RestFixture.open()
  for (const role of ROLES) {
    const token = await rest.token(role)
    for (const { needs, method, path, body } of OPERATIONS) {
      await t.test(`${role}: ${method} ${path}`, async () => {
        const answer = await rest.ask(method, path, { token, body })
        const allowed = MAY[role].includes(needs)
        assert.equal(answer.status !== 403, allowed, answer.text)
        if (!allowed)
          assert.match(
            answer.body.detail,
            /^this requires \w+: roles [a-z, -]+; the token a-[a-z-]+ has the role [a-z-]+$/,
          )
      })
    }
  }
})

test('a token that is absent, damaged, unknown, ended or revoked is refused', async () => {
  const clock = handClock()
  await using rest = await RestFixture.open({ clock })
  const path = '/api/v1/whoami'
  const expiresAt = new Date(clock.nowMs() + 60_000).toISOString()
  const made = await rest.ask('POST', '/api/v1/tokens', { body: { name: 'short', role: 'admin', expiresAt } })
  const token = made.body.token as string
  assert.equal((await rest.ask('GET', path, { token })).body.role, 'admin')

  const last = token.at(-1) === 'A' ? 'B' : 'A'
  for (const bad of [
    '',
    'bst_',
    token.slice(0, -1) + last,
    `${token}x`,
    token.toUpperCase(),
    rest.owner.slice(4),
  ]) {
    const answer = await rest.ask('GET', path, { token: bad })
    assert.equal(answer.status, 401, bad)
    assert.match(answer.headers['www-authenticate']!, /^Bearer/)
  }
  assert.equal(
    (await rest.ask('GET', path, { token: '', headers: { authorization: 'Basic x' } })).status,
    401,
  )

  clock.advance(60_001)
  assert.match((await rest.ask('GET', path, { token })).body.detail, /expired at/)
  const other = await rest.token('admin')
  const headers = { 'if-match': '*' }
  assert.equal((await rest.ask('DELETE', '/api/v1/tokens/a-admin', { headers })).status, 204)
  assert.equal((await rest.ask('GET', path, { token: other })).status, 401)
})

test('who guesses tokens is told to wait; who has one, or brings none, is not, whatever others do', async () => {
  const clock = handClock()
  await using rest = await RestFixture.open({ clock })
  const guess = () => rest.ask('GET', '/api/v1/whoami', { token: 'bst_guess' })
  let refused = 0
  while ((await guess()).status === 401) refused++
  assert.equal(refused, 20)
  const limited = await guess()
  assert.equal(limited.status, 429)
  assert.equal(limited.body.code, 'RATE_LIMITED')
  assert.equal(limited.headers['retry-after'], '1')
  for (let n = 0; n < 30; n++) {
    assert.equal((await guess()).status, 429)
    assert.equal((await rest.ask('GET', '/api/v1/whoami')).status, 200)
    assert.equal((await rest.ask('GET', '/api/v1/whoami', { token: '' })).status, 401)
  }
  clock.advance(1000)
  assert.deepEqual([(await guess()).status, (await guess()).status], [401, 429])
})

test('a body over the limit is refused, with and without a length; without a token nothing of it is read', async () => {
  await using rest = await RestFixture.open()
  const big = JSON.stringify({ name: 'x'.repeat(300_000) })
  const ways: Record<string, string>[] = [{}, { 'transfer-encoding': 'chunked' }]
  for (const headers of ways) {
    const answer = await rest.ask('POST', '/api/v1/users', { body: big, headers })
    assert.equal(answer.status, 413)
    assert.equal(answer.body.code, 'TOO_LARGE')
    const anonymous = await rest.ask('POST', '/api/v1/apply', { body: big, headers, token: '' })
    assert.equal(anonymous.status, 401)
  }
  // The answer comes while the body is still to come.
  const socket = net.connect(rest.port, '127.0.0.1')
  socket.write(
    'POST /api/v1/apply HTTP/1.1\r\nhost: control.example\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"a":',
  )
  const [first] = (await once(socket, 'data')) as [Buffer]
  assert.match(first.toString(), /^HTTP\/1\.1 401 /)
  socket.destroy()
})

test('bytes that are no request get an answer or a closed connection, and the API goes on', async () => {
  await using rest = await RestFixture.open()
  for (const bytes of [
    'GET / HTTP/1.1\r\n\r\n',
    'GET http://[ HTTP/1.1\r\nhost: control.example\r\nconnection: close\r\n\r\n',
    'GET /%ff%00 HTTP/1.1\r\nhost: control.example\r\nconnection: close\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n',
    'POST /api/v1/apply HTTP/1.1\r\nhost: control.example\r\ncontent-length: 5\r\nconnection: close\r\n\r\nabcde',
  ]) {
    const socket = net.connect(rest.port, '127.0.0.1')
    socket.end(bytes)
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    await once(socket, 'close')
    assert.match(answer, /^HTTP\/1\.1 4\d\d /, bytes)
  }
  assert.equal((await rest.ask('GET', '/healthz', { token: '' })).status, 200)
})

test('no secret is in the log, the audit log or a later answer', async () => {
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) })
  await using rest = await RestFixture.open({ deps: { log } })
  const password = 'correct horse battery'
  await rest.ask('POST', '/api/v1/users', { body: { name: 'alice', password } })
  await rest.ask('PATCH', '/api/v1/users/alice', {
    body: { password: `${password}!` },
    headers: { 'if-match': '*' },
  })
  await rest.ask('POST', '/api/v1/apply', { body: { documents: [{ kind: 'user', name: 'bob', password }] } })
  await rest.ask('POST', '/api/v1/users', { body: { name: 'alice', password, passwort: password } })
  await rest.ask('POST', '/api/v1/connector-groups', { body: { name: 'dc1' } })
  const key = await rest.ask('POST', '/api/v1/provisioning-keys', { body: { name: 'k', group: 'dc1' } })
  const token = await rest.ask('POST', '/api/v1/tokens', { body: { name: 't', role: 'admin' } })

  const later = [lines.join('')]
  for (const path of ['audit', 'users', 'users/alice', 'provisioning-keys', 'tokens', 'tokens/t']) {
    later.push((await rest.ask('GET', `/api/v1/${path}?`)).text)
  }
  const secret = key.body.key.split('|')[2]
  for (const text of later) {
    for (const never of [password, secret, token.body.token, rest.owner, '$argon2id$']) {
      assert.ok(!text.includes(never), `${never} in ${text}`)
    }
  }
  assert.equal((await rest.ask('GET', '/api/v1/users/alice')).body.hasPassword, true)
})

test('a store that does not answer is told as such, and readiness follows', async () => {
  const rest = await RestFixture.open()
  assert.equal((await rest.ask('GET', '/readyz', { token: '' })).status, 200)
  await rest.store[Symbol.asyncDispose]()
  const ready = await rest.ask('GET', '/readyz', { token: '' })
  assert.equal(ready.status, 503)
  assert.equal(ready.body.code, 'STORE_FAILED')
  assert.equal((await rest.ask('GET', '/healthz', { token: '' })).status, 200)
  await rest[Symbol.asyncDispose]()
})

test('metrics have bounded labels: an id never becomes one', async () => {
  await using rest = await RestFixture.open()
  for (const name of ['a', 'b', 'c']) await rest.ask('GET', `/api/v1/users/${name}`)
  await rest.ask('GET', '/nowhere/at/all')
  const { text } = await rest.ask('GET', '/metrics')
  assert.match(text, /backstitch_api_request_seconds_count\{[^}]*route="\/api\/v1\/users\/:id"[^}]*\} 3/)
  assert.doesNotMatch(text, /nowhere/)
  assert.match(text, /backstitch_sessions_open 0/)
})
