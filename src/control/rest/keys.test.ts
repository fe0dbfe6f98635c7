import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashKeySecret } from '../../pki/provisioning-key.ts'
import { handClock, RestFixture } from './fixture.ts'

const KEYS = '/api/v1/provisioning-keys'
const ANY = { 'if-match': '*' }
const HOUR_MS = 3_600_000

async function world() {
  const clock = handClock()
  const rest = await RestFixture.open({ clock })
  const group = (await rest.ask('POST', '/api/v1/connector-groups', { body: { name: 'dc1' } })).body
    .id as string
  const create = (body: object) => rest.ask('POST', KEYS, { body: { name: 'k', group: 'dc1', ...body } })
  const audited = async (action: string) =>
    (await rest.ask('GET', `/api/v1/audit?action=${action}`)).body.items as {
      object: string
      detail: object
    }[]
  return { rest, clock, group, create, audited, [Symbol.asyncDispose]: () => rest[Symbol.asyncDispose]() }
}

test('a key is shown once, works for one machine and a day by default, and only its hash is kept', async () => {
  await using w = await world()
  const { status, body, headers } = await w.create({})
  assert.deepEqual([status, headers['cache-control']], [201, 'no-store'])
  assert.deepEqual([body.maxUses, body.uses, body.state, body.group], [1, 0, 'usable', w.group])
  assert.equal(Date.parse(body.expiresAt) - w.clock.nowMs(), 24 * HOUR_MS)
  const secret = String(body.key).split('|').at(-1)!
  const read = await w.rest.ask('GET', `${KEYS}/k`)
  assert.equal(read.body.key, undefined)
  for (const { text } of [read, await w.rest.ask('GET', KEYS), await w.rest.ask('GET', '/api/v1/audit')])
    assert.equal(text.includes(secret), false)
  const use = await w.rest.store.keys.consume(hashKeySecret(secret), 'public key', w.clock.nowMs())
  assert.equal(use.keyId, body.id)
})

const REFUSED: { name: string; body: object; pointer: string; detail: RegExp }[] = [
  {
    name: 'for no group',
    body: { group: undefined },
    pointer: '/group',
    detail: /exactly one of group and edge/,
  },
  { name: 'for both', body: { edge: 'athens' }, pointer: '/group', detail: /exactly one of group and edge/ },
  {
    name: 'for an unknown group',
    body: { group: 'dc9' },
    pointer: '/group',
    detail: /no connector group "dc9"/,
  },
  {
    name: 'for an unknown edge',
    ...{ body: { group: undefined, edge: 'athens' }, pointer: '/edge', detail: /no edge "athens"/ },
  },
  {
    name: 'that has expired already',
    ...{ body: { expiresAt: '2025-12-31T23:59:59Z' }, pointer: '/expiresAt', detail: /in the future/ },
  },
  { name: 'with no use', body: { maxUses: 0 }, pointer: '/maxUses', detail: /./ },
]
for (const { name, body, pointer, detail } of REFUSED) {
  test(`a key ${name} is refused at its place, and none is made`, async () => {
    await using w = await world()
    const answer = await w.create(body)
    assert.deepEqual([answer.status, answer.body.errors[0].pointer], [400, pointer])
    assert.match(answer.body.errors[0].detail, detail)
    assert.deepEqual((await w.rest.ask('GET', KEYS)).body.items, [])
  })
}

test('the state of a key follows its uses and the clock; revoking outweighs both', async () => {
  await using w = await world()
  const { body } = await w.create({ maxUses: 1 })
  const state = async () => (await w.rest.ask('GET', `${KEYS}/k`)).body.state
  const secretHash = hashKeySecret(String(body.key).split('|').at(-1)!)
  await w.rest.store.keys.consume(secretHash, 'public key', w.clock.nowMs())
  assert.equal(await state(), 'exhausted')
  w.clock.advance(24 * HOUR_MS)
  assert.equal(await state(), 'expired')
  await w.rest.ask('PATCH', `${KEYS}/k`, { body: { revoked: true }, headers: ANY })
  assert.equal(await state(), 'revoked')
})

test('revoking, changing and deleting a key are audited apart; a stale version changes nothing', async () => {
  await using w = await world()
  const { id } = (await w.create({})).body
  const patch = (body: object, version: string) =>
    w.rest.ask('PATCH', `${KEYS}/${id}`, { body, headers: { 'if-match': version } })
  const first = await patch({ maxUses: 5 }, '"1"')
  assert.deepEqual([first.status, first.body.maxUses, first.headers.etag], [200, 5, '"2"'])
  assert.equal((await patch({ maxUses: 9 }, '"1"')).status, 412)
  assert.equal((await patch({ revoked: true }, '"2"')).status, 200)
  assert.equal((await w.rest.ask('DELETE', `${KEYS}/k`, { headers: ANY })).status, 204)
  const gone = await w.rest.ask('GET', `${KEYS}/${id}`)
  assert.equal(gone.status, 404)
  assert.match(gone.body.detail, /was deleted at .* by token first/)
  for (const action of ['create', 'update', 'revoke', 'delete']) {
    const entries = await w.audited(`provisioning-key.${action}`)
    assert.deepEqual(
      entries.map(({ object }) => object),
      [`provisioning-key ${id}`],
      action,
    )
  }
})

test('an operator may revoke a key and may not give it more uses', async () => {
  await using w = await world()
  await w.create({})
  const token = await w.rest.token('operator')
  const patch = (body: object) => w.rest.ask('PATCH', `${KEYS}/k`, { body, headers: ANY, token })
  for (const body of [{ maxUses: 9 }, { revoked: true, maxUses: 9 }, { revoked: false }])
    assert.equal((await patch(body)).status, 403, JSON.stringify(body))
  assert.equal((await patch({ revoked: true })).body.state, 'revoked')
})
