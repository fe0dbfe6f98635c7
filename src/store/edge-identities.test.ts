import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS } from '../api/kinds.ts'
import type { NewEdgeIdentity } from './edge-identities.ts'
import { START_MS, storeAtTime } from './people.fixture.ts'

const DAY_MS = 86_400_000

function identity(id: string, over: Partial<NewEdgeIdentity> = {}): NewEdgeIdentity {
  return {
    ...{ id, publicKeyHash: `key of ${id}`, thumbprint: 't', serial: `serial of ${id}`, generation: 1 },
    notAfterMs: START_MS + DAY_MS,
    host: { name: 'edge1', platform: 'linux', program: 'test' },
    ...over,
  }
}

async function twoEdges() {
  const { store, told } = await storeAtTime()
  const spec = OBJECT_KINDS.edge.spec.parse({ host: 'edge.example', port: 443 })
  const [first, second] = [
    await store.objects.put({ kind: 'edge', name: 'first', spec }),
    await store.objects.put({ kind: 'edge', name: 'second', spec }),
  ]
  await store.edges.put(identity(first.id))
  told()
  return { store, told, first: first.id, second: second.id }
}

test('an edge that was never enrolled has no identity', async () => {
  const { store, second } = await twoEdges()
  await using _ = store
  assert.equal(await store.edges.byId(second), undefined)
})

test('an edge enrolled again with another key ends the certificate it held before', async () => {
  const { store, told, first } = await twoEdges()
  await using _ = store
  await store.edges.put(identity(first, { publicKeyHash: 'another', serial: '2', keyId: 'key_2' }))
  assert.deepEqual(told(), ['revoked'])
  assert.deepEqual(await store.revocations.serials(START_MS), [`serial of ${first}`])
  const { publicKeyHash, serial, keyId } = (await store.edges.byId(first))!
  assert.deepEqual([publicKeyHash, serial, keyId], ['another', '2', 'key_2'])
})

test('an edge enrolled again with the same key keeps its certificate valid', async () => {
  const { store, told, first } = await twoEdges()
  await using _ = store
  await store.edges.put(identity(first, { generation: 2 }))
  assert.deepEqual(told(), [])
  assert.deepEqual(await store.revocations.serials(START_MS), [])
  assert.equal((await store.edges.byId(first))?.generation, 2)
})

test('two edges cannot have one key', async () => {
  const { store, first, second } = await twoEdges()
  await using _ = store
  await assert.rejects(store.edges.put(identity(second, { publicKeyHash: `key of ${first}` })), {
    code: 'CONFLICT',
    detail: `edge ${first} has this public key`,
  })
  assert.equal(await store.edges.byId(second), undefined)
})

test('a renewed certificate is held, and being seen changes no certificate', async () => {
  const { store, first } = await twoEdges()
  await using _ = store
  const held = { thumbprint: 't2', serial: '9', notAfterMs: START_MS + 2 * DAY_MS, generation: 2 }
  await store.edges.hold(first, held)
  await store.edges.seen(first, { address: '192.0.2.3', atMs: START_MS + 5 })
  assert.deepEqual(await store.edges.byId(first), {
    ...identity(first),
    ...held,
    ...{ keyId: undefined, enrolledMs: START_MS, lastAddress: '192.0.2.3', lastSeenMs: START_MS + 5 },
  })
})

test('with an edge go its identity and its outages, and its certificate is revoked', async () => {
  const { store, told, first } = await twoEdges()
  await using _ = store
  const at = { sinceMs: START_MS, endedMs: START_MS + 1, attempts: 1 }
  await store.outages.keep(first, [{ id: 'out_1', ...at, code: 'EGRESS_BLOCKED', hop: 'edge', detail: '' }])
  assert.equal((await store.outages.of(first)).length, 1)
  await store.objects.delete('edge', first)
  assert.deepEqual(told(), ['revoked', `identity ${first}`])
  assert.equal(await store.edges.byId(first), undefined)
  assert.deepEqual(await store.revocations.serials(START_MS), [`serial of ${first}`])
  assert.deepEqual(await store.outages.of(first), [])
})

test('the address that the server last gave its own edge is remembered', async () => {
  const { store } = await twoEdges()
  await using _ = store
  assert.equal(await store.edges.said(), undefined)
  await store.edges.say('edge.example:443')
  await store.edges.say('edge.example:8443')
  assert.equal(await store.edges.said(), 'edge.example:8443')
})

test('a key of one edge enrols that edge, names it in a refusal, and keeps it from being deleted', async () => {
  const { store, first } = await twoEdges()
  await using _ = store
  const key = { name: 'k', secretHash: 'secret', maxUses: 1, expiresMs: START_MS + DAY_MS }
  await assert.rejects(store.keys.create({ ...key, edgeId: 'edg_absent' }), { code: 'NOT_FOUND' })
  const { id } = await store.keys.create({ ...key, edgeId: first })
  const use = await store.keys.consume('secret', `key of ${first}`, START_MS)
  assert.deepEqual([use.edgeId, use.already], [first, first])
  await assert.rejects(store.keys.consume('secret', 'another', START_MS), {
    code: 'KEY_EXHAUSTED',
    seen: {
      ...{ key: id, edge: first, edgeName: 'first', uses: 1, maxUses: 1 },
      expires: new Date(START_MS + DAY_MS).toISOString(),
    },
  })
  await assert.rejects(store.objects.delete('edge', first), {
    code: 'IN_USE',
    seen: { users: [`provisioning key k (${id})`] },
  })
})
