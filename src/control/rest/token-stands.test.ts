/** What a token reads goes on for as long as the token may read it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import type { Fault } from '../../base/faults.ts'
import { DATABASE } from '../../store/backup-file.ts'
import { issuedGrant, reportedBy, sessionReportOf } from '../../store/sessions.fixture.ts'
import { openControl } from '../agents/control.fixture.ts'
import { handClock, RestFixture } from './fixture.ts'

const ANY = { 'if-match': '*' }

/** A follower with a token of its own, which has read one session. */
async function follow(t: TestContext, rest: RestFixture, token: string) {
  const request = http.request({
    ...{ host: '127.0.0.1', port: rest.port, path: '/api/v1/sessions/stream' },
    headers: { authorization: `Bearer ${token}` },
  })
  t.after(() => request.destroy())
  request.end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  assert.equal(response.statusCode, 200)
  const lines = createInterface({ input: response })[Symbol.asyncIterator]()
  const next = async (): Promise<Record<string, unknown> | undefined> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) return undefined
      if (value !== '') return JSON.parse(value)
    }
  }
  await happens(rest)
  assert.equal((await next())?.host, 'wiki.example')
  /** The last line, and that nothing comes behind it whatever happens. */
  const ending = async () => {
    let last = await next()
    while (last !== undefined && !('failed' in last)) last = await next()
    await happens(rest)
    assert.equal(await next(), undefined)
    return last?.failed as Fault | undefined
  }
  return { ending, next }
}

function happens({ store }: RestFixture): Promise<unknown> {
  const grant = issuedGrant()
  return store.sessions.merge(reportedBy(grant, sessionReportOf(grant, 1)))
}

test('a stream ends when its token is revoked, and says so', async (t) => {
  await using rest = await RestFixture.open()
  const { body } = await rest.ask('POST', '/api/v1/tokens', { body: { name: 'leaver', role: 'read-only' } })
  const { ending } = await follow(t, rest, body.token)
  const other = await follow(t, rest, await rest.token('auditor'))
  assert.equal((await rest.ask('DELETE', '/api/v1/tokens/leaver', { headers: ANY })).status, 204)
  const failed = await ending()
  assert.deepEqual([failed?.code, failed?.detail], ['TOKEN_INVALID', 'token leaver was revoked'])
  assert.equal((await other.next())?.host, 'wiki.example', 'those of other tokens go on')
})

test('a stream ends when its token does', async (t) => {
  const clock = handClock(Date.now())
  await using rest = await RestFixture.open({ clock })
  const expiresAt = new Date(clock.nowMs() + 60_000).toISOString()
  const body = { name: 'short', role: 'read-only', expiresAt }
  const { ending } = await follow(t, rest, (await rest.ask('POST', '/api/v1/tokens', { body })).body.token)
  clock.advance(60_000)
  const failed = await ending()
  assert.deepEqual([failed?.code, failed?.detail], ['TOKEN_INVALID', `token short expired at ${expiresAt}`])
})

/** Begins a trace, which goes on until it is given up. */
async function tracing(t: TestContext) {
  const given = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const control = await openControl()
  t.after(() => control[Symbol.asyncDispose]())
  const { firstToken } = control.parts
  const rest = await RestFixture.open({
    control: { store: control.store, firstToken },
    deps: {
      async trace(_input, { step, signal }) {
        step({ hop: 'client', verdict: 'pass', text: 'it begins' })
        begun.resolve()
        await once(signal, 'abort')
        given.resolve()
        throw signal.reason
      },
    },
  })
  t.after(() => rest[Symbol.asyncDispose]())
  await rest.ask('POST', '/api/v1/users', { body: { name: 'ada' } })
  const token = await rest.token('operator')
  const body = { user: 'ada', host: 'wiki.internal', port: 443 }
  const answer = rest.ask('POST', '/api/v1/trace', { token, body })
  await begun.promise
  const last = async () => {
    const { text } = await answer
    await given.promise
    return JSON.parse(text.trim().split('\n').at(-1)!).failed as Fault
  }
  return { rest, last, database: path.join(control.stateDir, DATABASE) }
}

test('a trace that a token began is given up when the token is revoked', async (t) => {
  const { rest, last } = await tracing(t)
  assert.equal((await rest.ask('DELETE', '/api/v1/tokens/a-operator', { headers: ANY })).status, 204)
  assert.equal((await last()).code, 'TOKEN_INVALID')
})

test('a trace that a token began is given up when the token has a role that may not begin it', async (t) => {
  const { last, database } = await tracing(t)
  const raw = new DatabaseSync(database)
  raw.exec("update token set role = 'read-only' where name = 'a-operator'")
  raw.close()
  const { code, detail } = await last()
  assert.equal(code, 'FORBIDDEN')
  assert.match(detail, /requires operate: .*the token a-operator has the role read-only/)
})

/** A request whose last bytes are held back. @returns Sends them, and gives the status of the answer. */
async function heldBack(rest: RestFixture, token: string, path: string, body: object) {
  const text = JSON.stringify(body)
  const request = http.request({
    ...{ host: '127.0.0.1', port: rest.port, path, method: 'POST', agent: false },
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': text.length,
    },
  })
  request.write(text.slice(0, 3))
  // The token is in use: it was looked at.
  const used = async () => (await rest.ask('GET', '/api/v1/tokens/thief')).body.lastUsedAt !== undefined
  while (!(await used())) await new Promise(setImmediate)
  return async () => {
    request.end(text.slice(3))
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.resume()
    return response.statusCode
  }
}

test('a request that a token has begun writes nothing once the token is revoked or has ended', async () => {
  const clock = handClock(Date.now())
  await using rest = await RestFixture.open({ clock })
  await rest.ask('POST', '/api/v1/users', { body: { name: 'ada' } })
  const asked = [
    ['/api/v1/tokens', { name: 'kept', role: 'owner' }],
    ['/api/v1/apply', { documents: [{ kind: 'user', name: 'kept' }] }],
    ['/api/v1/trace', { user: 'ada', host: 'wiki.example', port: 443 }],
  ] as const
  for (const how of ['revoked', 'ended']) {
    for (const [path, body] of asked) {
      const expiresAt = new Date(clock.nowMs() + 60_000).toISOString()
      const thief = { name: 'thief', role: 'owner', expiresAt }
      const { token } = (await rest.ask('POST', '/api/v1/tokens', { body: thief })).body
      const end = await heldBack(rest, token, path, body)
      if (how === 'ended') clock.advance(60_000)
      else await rest.ask('DELETE', '/api/v1/tokens/thief', { headers: ANY })
      assert.equal(await end(), 401, `${path}, ${how}`)
      if (how === 'ended') await rest.ask('DELETE', '/api/v1/tokens/thief', { headers: ANY })
    }
  }
  assert.equal((await rest.ask('GET', '/api/v1/tokens/kept')).status, 404)
  assert.equal((await rest.ask('GET', '/api/v1/users/kept')).status, 404)
  const { items } = (await rest.ask('GET', '/api/v1/audit?limit=1000')).body
  assert.ok(!items.some(({ actor }: { actor: string }) => actor.startsWith('token thief')))
})

test('the last owner that does not end cannot be revoked; another one can, and then this one', async () => {
  await using rest = await RestFixture.open()
  const create = (name: string, more = {}) =>
    rest.ask('POST', '/api/v1/tokens', { body: { name, role: 'owner', ...more } })
  const revoke = (name: string) => rest.ask('DELETE', `/api/v1/tokens/${name}`, { headers: ANY })
  await create('ends', { expiresAt: new Date(Date.now() + 60_000).toISOString() })
  const refused = await revoke('first')
  assert.deepEqual([refused.status, refused.body.code], [409, 'CONFLICT'])
  assert.match(
    refused.body.detail,
    /token first is the last owner token without an expiry: create another one first/,
  )
  assert.equal((await create('second')).status, 201)
  assert.equal((await revoke('ends')).status, 204)
  assert.equal((await revoke('second')).status, 204)
  await create('third')
  assert.equal((await revoke('first')).status, 204)
})
