import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OBJECT_KINDS } from '../api/kinds.ts'
import { looksLikeId } from '../base/ids.ts'
import { freeName } from './agent-fields.ts'
import type { NewConnector } from './connectors.ts'
import { START_MS, storeAtTime } from './people.fixture.ts'

async function twoGroups() {
  const { store, told } = await storeAtTime()
  const spec = OBJECT_KINDS['connector-group'].spec.parse({})
  const dc1 = (await store.objects.put({ kind: 'connector-group', name: 'dc1', spec })).id
  const dc2 = (await store.objects.put({ kind: 'connector-group', name: 'dc2', spec })).id
  const add = (name: string, over: Partial<NewConnector> = {}) =>
    store.connectors.create({
      ...{ groupId: dc1, publicKeyHash: `key of ${name}`, fingerprint: { disk: 'd' }, thumbprint: 't' },
      ...{ serial: '1', notAfterMs: START_MS, generation: 1 },
      host: { name, platform: 'linux', program: 'test' },
      ...over,
    })
  const first = await add('web1')
  told()
  return { store, told, dc1, dc2, add, first }
}

test('a connector that moves keeps its new group from being deleted, and frees the old one', async () => {
  const { store, told, dc1, dc2, first } = await twoGroups()
  await using _ = store
  await store.connectors.update(first.id, { groupId: dc2 })
  assert.deepEqual(told(), [`identity ${first.id}`, 'policy'])
  assert.deepEqual(await store.connectors.ofGroup(dc1), [])
  await assert.rejects(store.objects.delete('connector-group', dc2), {
    code: 'IN_USE',
    seen: { users: [`connector web1 (${first.id})`] },
  })
  await store.objects.delete('connector-group', dc1)
})

test('only what changes routing cuts a connector’s connections', async () => {
  const { store, told, first } = await twoGroups()
  await using _ = store
  await store.connectors.update(first.id, { name: 'web-1', serial: '2', generation: 2 })
  await store.connectors.seen(first.id, { address: '192.0.2.1', atMs: START_MS + 1 })
  assert.deepEqual(told(), [])
  await store.connectors.update(first.id, { enabled: false })
  assert.deepEqual(told(), [`identity ${first.id}`, 'policy'])
})

test('a name that another connector has is refused, and one’s own is not', async () => {
  const { store, add, first } = await twoGroups()
  await using _ = store
  const second = await add('web2')
  await assert.rejects(store.connectors.update(second.id, { name: 'web1' }), {
    code: 'CONFLICT',
    detail: `connector ${first.id} already has the name web1`,
  })
  assert.equal((await store.connectors.update(second.id, { name: 'web2' })).version, 2)
})

test('a connector is found by its public key, which no second one can have', async () => {
  const { store, add, first } = await twoGroups()
  await using _ = store
  assert.deepEqual(await store.connectors.byPublicKey('key of web1'), first)
  assert.equal(await store.connectors.byPublicKey('absent'), undefined)
  await assert.rejects(add('other', { publicKeyHash: 'key of web1' }), { code: 'CONFLICT' })
})

test('an id that was fixed before the record is kept, as certificates name it', async () => {
  const { store, add } = await twoGroups()
  await using _ = store
  const id = 'con_01kt07nv0000rez4wrt8k8d09q'
  assert.equal((await add('web9', { id })).id, id)
  assert.equal((await store.connectors.byId(id))?.name, 'web9')
})

test('of a large group as many members are read as are asked for, in order of id', async () => {
  const { store, dc1, add } = await twoGroups()
  await using _ = store
  for (let number = 0; number < 9; number++) await add(`app${number}`)
  const ids = (await store.connectors.all()).map(({ id }) => id)
  assert.deepEqual(ids, ids.toSorted())
  assert.deepEqual(
    (await store.connectors.ofGroup(dc1, 4)).map(({ id }) => id),
    ids.slice(0, 4),
  )
  const found = await store.connectors.byIds([...ids, ...ids, 'con_absent'])
  assert.deepEqual(found.map(({ id }) => id).sort(), ids)
})

test('whatever a machine is called, its connector gets a name that can be typed and is free', async () => {
  const hostName = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 150 }),
    fc.constantFrom('', '---', 'web1'),
  )
  await fc.assert(
    fc.asyncProperty(hostName, fc.uniqueArray(fc.nat(40)), async (wanted, numbers) => {
      const plain = await freeName(wanted, async () => false)
      assert.match(plain, /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/)
      assert.equal(looksLikeId(plain), false)
      const taken = new Set(numbers.map((number) => (number === 0 ? plain : `${plain}-${number + 1}`)))
      let asked = 0
      const name = await freeName(wanted, async (one) => {
        asked++
        return taken.has(one)
      })
      assert.equal(taken.has(name), false)
      assert.match(name, /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/)
      assert.ok(asked <= 16, `${asked} names were looked up`)
    }),
    { numRuns: 200 },
  )
})

test('of a thousand machines from one image each gets the next number, after a dozen looks', async () => {
  const taken = new Set<string>()
  let most = 0
  for (let number = 0; number < 1000; number++) {
    let asked = 0
    const name = await freeName('image', async (one) => {
      asked++
      return taken.has(one)
    })
    assert.equal(name, number === 0 ? 'image' : `image-${number + 1}`)
    taken.add(name)
    most = Math.max(most, asked)
  }
  assert.ok(most <= 20, `${most} names were looked up`)
})
