import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DenialRecord } from '../../store/denials.ts'
import { enrolDevice, put } from '../agents/control.fixture.ts'
import { handClock, RestFixture } from './fixture.ts'

const DENIALS = '/api/v1/denials'
const AUDIT = '/api/v1/audit'
const TOKENS = '/api/v1/tokens'

async function refused() {
  const rest = await RestFixture.open()
  const { store } = rest
  const ada = await put(store, 'user', 'ada')
  await put(store, 'user', 'eve')
  const rule = await put(store, 'access-rule', 'no-wiki', { order: 1, action: 'deny' })
  const laptop = await enrolDevice(store, ada.id, 'laptop')
  const keep = (number: number, over: Partial<DenialRecord> = {}) =>
    store.denials.keep({
      ...{ id: `den_0000000000000000000000000${number}`, atMs: number, deviceId: laptop.id, userId: ada.id },
      ...{ userName: 'ada', deviceName: 'laptop', host: 'wiki.internal', port: 443, protocol: 'tcp' },
      from: '192.0.2.1',
      fault: {
        code: 'POLICY_DENIED',
        hop: 'control',
        detail: `rule ${rule.id} denies it`,
        seen: { rule: rule.id },
      },
      ...over,
    })
  await keep(1)
  await keep(2, { times: 40, lastMs: 60_000 })
  return { rest, store, ada, laptop, rule, keep, [Symbol.asyncDispose]: () => rest[Symbol.asyncDispose]() }
}

test('a denial says who, what and which rule in names, how often, and which command tells more', async () => {
  await using w = await refused()
  const { status, body } = await w.rest.ask('GET', `${DENIALS}/den_00000000000000000000000002`)
  assert.equal(status, 200)
  assert.deepEqual([body.detail, body.code, body.hop], ['rule no-wiki denies it', 'POLICY_DENIED', 'control'])
  assert.deepEqual([body.times, body.lastAt], [40, '1970-01-01T00:01:00.000Z'])
  assert.deepEqual(body.names, { [w.ada.id]: 'ada', [w.laptop.id]: 'laptop' })
  assert.equal(body.trace, 'backstitch trace ada wiki.internal:443 --device laptop')
})

test('denials keep the names of their time when user and device are gone', async () => {
  await using w = await refused()
  await w.store.devices.delete(w.laptop.id)
  await w.store.objects.delete('user', w.ada.id)
  const { items } = (await w.rest.ask('GET', `${DENIALS}?user=${w.ada.id}`)).body
  assert.equal(items.length, 2)
  assert.deepEqual(items[0].names, { [w.ada.id]: 'ada', [w.laptop.id]: 'laptop' })
})

test('denials are filtered by user; a user nobody has is refused, and an unknown denial is not found', async () => {
  await using w = await refused()
  const count = async (user: string) => (await w.rest.ask('GET', `${DENIALS}?user=${user}`)).body.items.length
  assert.deepEqual([await count('ada'), await count(w.ada.id), await count('eve')], [2, 2, 0])
  const wrong = await w.rest.ask('GET', `${DENIALS}?user=zoe`)
  assert.deepEqual([wrong.status, wrong.body.errors[0].pointer], [400, '/user'])
  const absent = await w.rest.ask('GET', `${DENIALS}/den_absent`)
  assert.deepEqual([absent.status, absent.body.detail], [404, 'no denial den_absent'])
})

test('the audit log is filtered by actor, action and object at once, and pages join', async () => {
  await using rest = await RestFixture.open()
  for (const name of ['a', 'b', 'c']) await rest.ask('POST', '/api/v1/connector-groups', { body: { name } })
  const { id } = (await rest.ask('GET', '/api/v1/connector-groups/b')).body
  await rest.ask('DELETE', `/api/v1/connector-groups/${id}`, { headers: { 'if-match': '*' } })
  const of = async (query: string) => (await rest.ask('GET', `${AUDIT}?${query}`)).body
  const object = `connector-group%20${id}`
  assert.deepEqual(
    (await of(`object=${object}`)).items.map(({ action }: { action: string }) => action),
    ['connector-group.delete', 'connector-group.create'],
  )
  assert.equal((await of(`object=${object}&action=connector-group.create`)).items.length, 1)
  const [{ actor }] = (await of('limit=1')).items
  const first = await of(`actor=${encodeURIComponent(actor)}&action=connector-group.create&limit=2`)
  const query = `actor=${encodeURIComponent(actor)}&action=connector-group.create&limit=2&cursor=${first.next}`
  const second = await of(query)
  assert.deepEqual([first.items.length, second.items.length, second.next], [2, 1, undefined])
  assert.deepEqual((await of('actor=nobody')).items, [])
})

test('the audit log refuses the cursor of another list', async () => {
  await using rest = await RestFixture.open()
  for (const name of ['a', 'b']) await rest.ask('POST', '/api/v1/connector-groups', { body: { name } })
  const { next } = (await rest.ask('GET', '/api/v1/connector-groups?limit=1')).body
  const answer = await rest.ask('GET', `${AUDIT}?cursor=${next}`)
  assert.deepEqual([answer.status, answer.body.code], [400, 'INVALID'])
})

test('the audit log is verified for those who may read it, and for no operator', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', '/api/v1/connector-groups', { body: { name: 'a' } })
  const { body } = await rest.ask('GET', `${AUDIT}/verify`)
  assert.deepEqual([body.intact, body.records >= 1], [true, true])
  const forbidden = await rest.ask('GET', `${AUDIT}/verify`, { token: await rest.token('operator') })
  assert.equal(forbidden.status, 403)
})

test('a token’s secret is in the answer that made it and in no other, and it says who it is', async () => {
  const clock = handClock()
  await using rest = await RestFixture.open({ clock })
  const expiresAt = '2026-01-02T00:00:00.000Z'
  const made = await rest.ask('POST', TOKENS, { body: { name: 'ci', role: 'read-only', expiresAt } })
  assert.deepEqual([made.status, made.headers['cache-control']], [201, 'no-store'])
  const { id, token } = made.body as { id: string; token: string }
  for (const path of [TOKENS, `${TOKENS}/ci`, AUDIT])
    assert.equal((await rest.ask('GET', path)).text.includes(token), false, path)
  const who = await rest.ask('GET', '/api/v1/whoami', { token })
  assert.deepEqual(who.body, { id, name: 'ci', role: 'read-only', expiresAt })
  clock.advance(86_400_000)
  assert.equal((await rest.ask('GET', '/api/v1/whoami', { token })).status, 401)
})

test('a token that expired before it was made, or has a taken name, is refused', async () => {
  await using rest = await RestFixture.open()
  const make = (body: object) => rest.ask('POST', TOKENS, { body: { name: 'ci', role: 'operator', ...body } })
  const past = await make({ expiresAt: '2020-01-01T00:00:00Z' })
  assert.deepEqual([past.status, past.body.errors[0].pointer], [400, '/expiresAt'])
  assert.equal((await make({})).status, 201)
  assert.equal((await make({})).body.code, 'CONFLICT')
  const { items } = (await rest.ask('GET', TOKENS)).body
  assert.equal(items.filter(({ name }: { name: string }) => name === 'ci').length, 1)
})
