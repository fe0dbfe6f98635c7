import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Identity, IdentityRole } from '../../pki/identity.ts'
import { openStore } from '../../store/store.ts'
import { enrolDevice, enrolledConnector, put } from '../agents/control.fixture.ts'
import { admitted } from './admitted.ts'
import { agentNamesOf, agentRecord, holdCertificate } from './agent-record.ts'
import { openHomeEdge } from './home-edge.ts'

const held = { thumbprint: 't2', serial: '2', notAfterMs: 9, generation: 2 }
const identity = (role: IdentityRole, id: string): Identity => ({ tenant: 'tnt_1', role, id })

async function world() {
  const store = await openStore({ file: ':memory:' })
  const group = await put(store, 'connector-group', 'dc1')
  const ada = await put(store, 'user', 'ada')
  const enrolEdge = (id: string) =>
    store.edges.put({
      ...{ ...held, id, publicKeyHash: `key of ${id}`, generation: 1 },
      host: { name: 'h', platform: 'linux', program: 'p' },
    })
  const spec = { host: 'athens.example', port: 443, addresses: ['192.0.2.44', '192.0.2.45'] }
  const edge = await put(store, 'edge', 'athens', spec)
  await enrolEdge(edge.id)
  const agents = {
    connector: (await enrolledConnector(store, group.id, 'web1')).id,
    client: (await enrolDevice(store, ada.id, 'laptop')).id,
    edge: edge.id,
  }
  return { store, agents, enrolEdge, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

for (const role of ['connector', 'client', 'edge'] as const) {
  test(`a ${role} that is enrolled and enabled is let in, with the certificate it holds`, async () => {
    await using w = await world()
    const who = identity(role, w.agents[role])
    const record = await admitted(w.store, who, Date.now())
    assert.equal(record.generation, 1)
    await w.store.transaction((tx) => holdCertificate(tx, who, held))
    const { thumbprint, serial, notAfterMs, generation } = (await agentRecord(w.store, who))!
    assert.deepEqual({ thumbprint, serial, notAfterMs, generation }, held)
  })

  test(`a ${role} that never was, or whose id belongs to another role, is not let in`, async () => {
    await using w = await world()
    const others = Object.values(w.agents).filter((id) => id !== w.agents[role])
    for (const id of ['con_0000000000000000000000000a', ...others])
      await assert.rejects(admitted(w.store, identity(role, id), Date.now()), { code: 'IDENTITY_REVOKED' })
  })
}

test('an edge’s certificate is for the names and addresses that it is reached by, each once', () => {
  assert.deepEqual(agentNamesOf({ host: 'a.example' }), ['a.example'])
  assert.deepEqual(agentNamesOf({ host: '192.0.2.1', addresses: ['192.0.2.1', '192.0.2.2'] }), [
    '192.0.2.1',
    '192.0.2.2',
  ])
})

test('an edge that is disabled is not let in; the edge beside the server always is', async () => {
  await using w = await world()
  const { edge } = w.agents
  const spec = { host: 'athens.example', port: 443, enabled: false }
  await put(w.store, 'edge', 'athens', spec, edge)
  await assert.rejects(admitted(w.store, identity('edge', edge), Date.now()), {
    code: 'IDENTITY_REVOKED',
    detail: `edge ${edge} (athens) is disabled`,
  })
  const { home } = await openHomeEdge(w.store, { host: 'home.example', port: 0 })
  await w.enrolEdge(home.id)
  assert.deepEqual((await admitted(w.store, identity('edge', home.id), Date.now())).names, ['home.example'])
})

test('the edge beside the server is made once, at the first start, and keeps its id and what was declared', async () => {
  await using store = await openStore({ file: ':memory:' })
  const first = await openHomeEdge(store, { host: 'edge.example', port: 0 })
  const { id, version, spec } = await store.objects.get('edge', 'embedded')
  assert.deepEqual([first.home.id, spec.port, spec.host], [id, 443, 'edge.example'])
  await store.objects.put({ kind: 'edge', id, name: 'embedded', spec: { ...spec, host: 'declared.example' } })
  const again = await openHomeEdge(store, { host: 'other.example', port: 8443 })
  assert.equal(again.home.id, id)
  const now = await store.objects.get('edge', 'embedded')
  assert.deepEqual([now.version, now.spec.host], [version + 1, 'declared.example'])
  assert.notEqual(again.homeSecret, first.homeSecret, 'a secret of each start')
})
