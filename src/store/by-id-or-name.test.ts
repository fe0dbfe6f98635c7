import assert from 'node:assert/strict'
import { test } from 'node:test'
import { name } from '../api/fields.ts'
import { OBJECT_KIND_NAMES, OBJECT_KINDS, type ObjectKind } from '../api/kinds.ts'
import { isId, looksLikeId, newId } from '../base/ids.ts'
import { freeName } from './agent-fields.ts'
import { openStore, type Store } from './store.ts'

const memory = () => openStore({ file: ':memory:' })
const put = (store: Store, kind: ObjectKind, called: string, fields: object = {}) =>
  store.objects.put({ kind, name: called, spec: OBJECT_KINDS[kind].spec.parse(fields) })
const FIELDS: Record<string, object> = {
  server: { address: '10.0.0.1' },
  segment: { domains: ['a.example'], tcp: ['443'] },
  'posture-fact': { valueType: 'boolean' },
  'access-rule': { order: 1, action: 'deny' },
  'internet-rule': { domains: ['b.example'] },
  edge: { host: 'e.example', port: 443 },
}

for (const kind of OBJECT_KIND_NAMES) {
  test(`the id of a ${kind} finds it, though another one is called like that`, async () => {
    await using store = await memory()
    const victim = await put(store, kind, 'victim', FIELDS[kind])
    const other = await put(store, kind, victim.id, FIELDS[kind])
    assert.equal((await store.objects.get(kind, victim.id)).name, 'victim')
    await store.objects.delete(kind, victim.id)
    assert.equal((await store.objects.get(kind, victim.id)).id, other.id, 'the one that is left')
  })
}

test('the same of connectors, devices, tokens and provisioning keys', async () => {
  await using store = await memory()
  const group = await put(store, 'connector-group', 'dc1')
  const held = { thumbprint: 't', serial: 's', notAfterMs: 1, generation: 1 }
  const host = { name: 'laptop', platform: '', program: '' }
  const enrol = (called: string) => {
    const made = { groupId: group.id, fingerprint: {}, publicKeyHash: called, name: called }
    return store.connectors.create({ ...held, host, ...made })
  }
  const victim = await enrol('victim')
  await store.connectors.update((await enrol('x')).id, { name: victim.id })
  assert.equal((await store.connectors.get(victim.id)).name, 'victim')
  await store.connectors.delete(victim.id)
  assert.equal(await store.connectors.byId(victim.id), undefined)

  const user = await put(store, 'user', 'ada')
  const of = { ...held, host, userId: user.id }
  const laptop = await store.devices.create({ ...of, publicKeyHash: 'p1' })
  const other = await store.devices.create({ ...of, publicKeyHash: 'p2' })
  await store.devices.update(other.id, { name: laptop.id })
  assert.equal((await store.devices.get(laptop.id)).name, 'laptop')
  const conditions = { devices: [laptop.id] }
  const rule = await put(store, 'access-rule', 'one', { order: 1, action: 'deny', conditions })
  assert.deepEqual(rule.spec, { ...rule.spec, conditions })

  const token = await store.tokens.create({ name: 'victim', role: 'owner', hash: 'h1' })
  await store.tokens.create({ name: token.id, role: 'owner', hash: 'h2' })
  assert.equal((await store.tokens.get(token.id)).name, 'victim')
  const key = { secretHash: 'a', maxUses: 1, expiresMs: Date.now() + 1000, groupId: group.id }
  const first = await store.keys.create({ ...key, name: 'victim' })
  await store.keys.create({ ...key, name: first.id, secretHash: 'b' })
  assert.equal((await store.keys.get(first.id)).name, 'victim')
})

test('a name that looks like an id is refused in documents, and made another for a machine that is called so', async () => {
  const id = newId('dev')
  const taken = new Set<string>()
  for (const wanted of [id, id.toUpperCase(), 'dev_0123456789abcdefghjkmnpqri', `abc_${'x'.repeat(26)}`]) {
    assert.ok(looksLikeId(wanted))
    assert.equal(name.safeParse(wanted).success, false, wanted)
    const free = await freeName(wanted, async (one) => taken.has(one))
    assert.equal(name.safeParse(free).success, true, free)
    taken.add(free)
  }
  // Numbered it would be as long as an id.
  const short = `dev_${'x'.repeat(24)}`
  const numbered = await freeName(short, async (one) => one === short)
  assert.equal(looksLikeId(numbered), false, numbered)
  for (const fine of ['laptop', 'web_frontend', 'dev-01k8', `${id}x`]) assert.ok(name.safeParse(fine).success)
  assert.ok(isId(id))
})
