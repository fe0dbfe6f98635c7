import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS } from '../api/kinds.ts'
import type { Fault } from '../base/faults.ts'
import { openStore, type Store } from './store.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const held = { thumbprint: 't', serial: '1', notAfterMs: NOW_MS, generation: 1, fingerprint: {} }
const host = { name: 'web1', platform: 'linux', program: 'test' }

async function withKey(maxUses: number): Promise<Store> {
  const store = await openStore({ file: ':memory:' })
  const spec = OBJECT_KINDS['connector-group'].spec.parse({})
  const group = await store.objects.put({ kind: 'connector-group', name: 'dc1', spec })
  await store.keys.create({
    name: 'k',
    groupId: group.id,
    secretHash: 'secret',
    maxUses,
    expiresMs: NOW_MS + 60_000,
  })
  return store
}

/** What enrolment does: use and connector in one transaction. */
function enrol(store: Store, publicKeyHash: string, { crash = false } = {}): Promise<string> {
  return store.transaction(async (tx) => {
    const { already, groupId, keyId } = await tx.keys.consume('secret', publicKeyHash, NOW_MS)
    if (crash) throw new Error('crash')
    if (already !== undefined) return already
    return (await tx.connectors.create({ ...held, host, groupId, keyId, publicKeyHash })).id
  })
}

test('of 200 at once on a key with one use exactly one enrols', async () => {
  await using store = await withKey(1)
  const results = await Promise.allSettled(Array.from({ length: 200 }, (_, i) => enrol(store, `key-${i}`)))
  const refused = results.filter((one) => one.status === 'rejected')
  assert.equal(refused.length, 199)
  for (const one of refused) assert.equal(one.reason.code, 'KEY_EXHAUSTED')
  assert.equal((await store.keys.get('k')).uses, 1)
  assert.equal((await store.connectors.all()).length, 1)
})

test('the same public key is the same connector and costs no second use', async () => {
  await using store = await withKey(1)
  const first = await enrol(store, 'mine')
  assert.equal(await enrol(store, 'mine'), first)
  assert.equal((await store.keys.get('k')).uses, 1)
})

test('a crash between use and connector costs nothing', async () => {
  await using store = await withKey(1)
  await assert.rejects(enrol(store, 'mine', { crash: true }))
  assert.equal((await store.keys.get('k')).uses, 0)
  await enrol(store, 'mine')
})

test('connectors of one host name get names of their own', async () => {
  await using store = await withKey(3)
  for (const key of ['a', 'b', 'c']) await enrol(store, key)
  const names = (await store.connectors.all()).map((one) => one.name)
  assert.deepEqual(names.sort(), ['web1', 'web1-2', 'web1-3'])
})

const REFUSALS: { name: string; secret?: string; nowMs?: number; revoke?: boolean; code: string }[] = [
  { name: 'unknown', secret: 'other', code: 'KEY_UNKNOWN' },
  { name: 'ended', nowMs: NOW_MS + 60_000, code: 'KEY_EXPIRED' },
  { name: 'revoked', revoke: true, code: 'KEY_REVOKED' },
  { name: 'revoked and ended', revoke: true, nowMs: NOW_MS + 60_000, code: 'KEY_REVOKED' },
]
for (const { name, secret = 'secret', nowMs = NOW_MS, revoke = false, code } of REFUSALS) {
  test(`a key that is ${name} gives ${code}, also to a connector that has used it`, async () => {
    await using store = await withKey(1)
    await enrol(store, 'mine')
    if (revoke) await store.keys.update('k', { revoked: true })
    await assert.rejects(store.keys.consume(secret, 'mine', nowMs), { code })
    assert.equal((await store.keys.get('k')).uses, 1)
  })
}

test('a key that was deleted is revoked, not unknown: when and by whom is said', async () => {
  await using store = await withKey(1)
  const { id } = await store.keys.get('k')
  await store.keys.delete('k', { by: 'token ada (tok_1)' })
  await assert.rejects(store.keys.consume('secret', 'mine', NOW_MS), (fault: Fault) => {
    assert.equal(fault.code, 'KEY_REVOKED')
    assert.equal(fault.seen.key, id)
    assert.equal(fault.seen.by, 'token ada (tok_1)')
    assert.match(String(fault.seen.deleted), /^\d{4}-\d\d-\d\dT/)
    return true
  })
  // The name is free again, and a key of the same name is another key.
  const { id: group } = await store.objects.get('connector-group', 'dc1')
  await store.keys.create({
    name: 'k',
    groupId: group,
    secretHash: 'anew',
    maxUses: 1,
    expiresMs: NOW_MS + 60_000,
  })
  await store.keys.consume('anew', 'mine', NOW_MS)
  await assert.rejects(store.keys.consume('secret', 'other', NOW_MS), { code: 'KEY_REVOKED' })
})

test('a group with keys or connectors is not deleted', async () => {
  await using store = await withKey(1)
  await enrol(store, 'mine')
  await assert.rejects(store.objects.delete('connector-group', 'dc1'), { code: 'IN_USE' })
  await store.keys.delete('k', { by: 'ada' })
  await assert.rejects(store.objects.delete('connector-group', 'dc1'), { code: 'IN_USE' })
  await store.connectors.delete('web1')
  await store.objects.delete('connector-group', 'dc1')
})
