import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS } from '../api/kinds.ts'
import type { Fault } from '../base/faults.ts'
import { IDEMPOTENCY_LIFE_MS } from './idempotency.ts'
import { addUser, START_MS, storeAtTime } from './people.fixture.ts'

const DAY_MS = 86_400_000

test('a token is found by its hash alone, and shows when it was last used', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  const { id } = await store.tokens.create({
    name: 'ci',
    role: 'viewer',
    hash: 'h1',
    expiresMs: START_MS + 1,
  })
  await store.tokens.used(id, START_MS + 7)
  const token = (await store.tokens.byHash('h1'))!
  assert.deepEqual(
    [token.id, token.expiresMs, token.lastUsedMs, token.version],
    [id, START_MS + 1, START_MS + 7, 1],
  )
  assert.deepEqual(await store.tokens.byId(id), token)
  assert.equal(await store.tokens.byHash('h2'), undefined)
  assert.equal(await store.tokens.byId('tok_absent'), undefined)
})

test('two tokens cannot have one name, and a deleted one is told so that its requests end', async () => {
  const { store, told } = await storeAtTime()
  await using _ = store
  const { id } = await store.tokens.create({ name: 'ci', role: 'viewer', hash: 'h1' })
  await assert.rejects(store.tokens.create({ name: 'ci', role: 'admin', hash: 'h2' }), { code: 'CONFLICT' })
  assert.deepEqual(told(), [])
  await store.tokens.delete('ci')
  assert.deepEqual(told(), [`token ${id}`])
  assert.equal(await store.tokens.byHash('h1'), undefined)
})

test('the last administrator token without an end is recognised as such', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  const first = await store.tokens.create({ name: 'first', role: 'admin', hash: 'h1' })
  await store.tokens.create({ name: 'expires', role: 'admin', hash: 'h2', expiresMs: START_MS + DAY_MS })
  await store.tokens.create({ name: 'reads', role: 'viewer', hash: 'h3' })
  assert.equal(await store.tokens.another(first.id, 'admin'), false)
  await store.tokens.create({ name: 'second', role: 'admin', hash: 'h4' })
  assert.equal(await store.tokens.another(first.id, 'admin'), true)
})

test('secrets are replaced by name, listed by prefix and deleted', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  await store.secrets.put('ca/client', 'one')
  await store.secrets.put('ca/client', 'two')
  await store.secrets.put('ca/agent', 'three')
  await store.secrets.put('cab', 'four')
  assert.equal(await store.secrets.get('ca/client'), 'two')
  assert.deepEqual(await store.secrets.names('ca/'), ['ca/agent', 'ca/client'])
  assert.deepEqual(await store.secrets.names(), ['ca/agent', 'ca/client', 'cab'])
  await store.secrets.delete('ca/client')
  assert.equal(await store.secrets.get('ca/client'), undefined)
})

test('an answer is given again for the same key of the same token, for a day', async () => {
  const { store, pass } = await storeAtTime()
  await using _ = store
  const answer = { tokenId: 'tok_1', key: 'k', requestHash: 'h', status: 201, headers: '{}', body: 'made' }
  await store.idempotency.remember(answer)
  assert.equal((await store.idempotency.find('tok_1', 'k'))?.body, 'made')
  assert.equal(await store.idempotency.find('tok_2', 'k'), undefined, 'of another token')
  pass(IDEMPOTENCY_LIFE_MS - 1)
  assert.equal((await store.idempotency.find('tok_1', 'k'))?.body, 'made')
  pass(1)
  assert.equal(await store.idempotency.find('tok_1', 'k'), undefined)
  await store.idempotency.remember({ ...answer, body: 'made again' })
  assert.equal((await store.idempotency.find('tok_1', 'k'))?.body, 'made again')
})

test('one request that comes twice at once is remembered once', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  const answer = { tokenId: 'tok_1', key: 'k', requestHash: 'h', status: 201, headers: '{}', body: 'first' }
  await store.idempotency.remember(answer)
  await assert.rejects(store.idempotency.remember({ ...answer, body: 'second' }))
  assert.equal((await store.idempotency.find('tok_1', 'k'))?.body, 'first')
})

async function groupKey() {
  const { store, pass } = await storeAtTime()
  const spec = OBJECT_KINDS['connector-group'].spec.parse({})
  const group = await store.objects.put({ kind: 'connector-group', name: 'dc1', spec })
  const key = await store.keys.create({
    ...{ name: 'k', groupId: group.id, secretHash: 'secret', maxUses: 1, expiresMs: START_MS + DAY_MS },
  })
  return { store, pass, group, key }
}

test('a key for a group that does not exist is not created, nor a second one of its name', async () => {
  const { store, group } = await groupKey()
  await using _ = store
  const key = { name: 'other', secretHash: 'other', maxUses: 1, expiresMs: START_MS }
  await assert.rejects(store.keys.create({ ...key, groupId: 'grp_absent' }), {
    code: 'NOT_FOUND',
    detail: 'no connector group grp_absent',
  })
  const taken = { ...key, name: 'k', groupId: group.id }
  await assert.rejects(store.keys.create(taken), { code: 'CONFLICT' })
})

test('a key that is given more uses or more time enrols again, and a revoked one can be restored', async () => {
  const { store, key } = await groupKey()
  await using _ = store
  const consume = (publicKey: string, nowMs = START_MS) => store.keys.consume('secret', publicKey, nowMs)
  await consume('one')
  await assert.rejects(consume('two'), { code: 'KEY_EXHAUSTED' })
  await store.keys.update(key.id, { maxUses: 2 })
  await consume('two')
  await store.keys.update(key.id, { maxUses: 3, expiresMs: START_MS + 2 * DAY_MS })
  await consume('three', START_MS + DAY_MS + 1)
  await store.keys.update('k', { maxUses: 9, revoked: true })
  await assert.rejects(consume('four'), { code: 'KEY_REVOKED' })
  await store.keys.update('k', { revoked: false })
  await consume('four')
  assert.deepEqual([(await store.keys.get('k')).uses, (await store.keys.get('k')).version], [4, 5])
})

test('a refusal names the group that the key was for, by the name it has now', async () => {
  const { store, group } = await groupKey()
  await using _ = store
  await store.objects.put({ ...group, name: 'frankfurt' })
  await store.keys.update('k', { revoked: true })
  await assert.rejects(store.keys.consume('secret', 'mine', START_MS), (fault: Fault) => {
    assert.deepEqual([fault.seen.group, fault.seen.groupName], [group.id, 'frankfurt'])
    return true
  })
  await store.keys.delete('k', { by: 'token ada (tok_1)' })
  await store.objects.delete('connector-group', 'frankfurt')
  await assert.rejects(store.keys.consume('secret', 'mine', START_MS), (fault: Fault) => {
    assert.equal(fault.code, 'KEY_REVOKED')
    assert.deepEqual([fault.seen.group, fault.seen.groupName], [group.id, undefined])
    return true
  })
})

test('a key that was deleted more than a year ago is unknown', async () => {
  const { store, pass, group } = await groupKey()
  await using _ = store
  await store.keys.delete('k', { by: 'token ada (tok_1)' })
  pass(401 * DAY_MS)
  const later = { name: 'later', groupId: group.id, secretHash: 'later', maxUses: 1, expiresMs: START_MS }
  await store.keys.create(later)
  await store.keys.delete('later', { by: 'token ada (tok_1)' })
  await assert.rejects(store.keys.consume('secret', 'mine', START_MS), { code: 'KEY_UNKNOWN' })
  await assert.rejects(store.keys.consume('later', 'mine', START_MS), { code: 'KEY_REVOKED' })
})

test('a namesake of a deleted user inherits neither password nor sign-ins', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  const ada = await addUser(store, 'ada')
  await store.passwords.put(ada.id, 'hash')
  assert.deepEqual(await store.objects.deleteAll('user', [ada.id]), new Set())
  const again = await addUser(store, 'ada')
  assert.deepEqual(await store.passwords.having([ada.id, again.id]), new Set())
})
