import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openStore } from '../../store/store.ts'
import { MAX_EDGES } from '../../wire/control.ts'
import { connected, put } from '../agents/control.fixture.ts'
import { Edges } from './edges.ts'
import { openHomeEdge } from './home-edge.ts'
import { type Connected, Presence } from './presence.ts'

/** A home edge, and others that are registered; none is connected. */
async function world(...names: string[]) {
  const store = await openStore({ file: ':memory:' })
  const { home } = await openHomeEdge(store, { host: 'edge.example', port: 443 })
  home.port = 443
  const presence = new Presence()
  const edges = new Edges({ store, presence, home })
  const ids: Record<string, string> = {}
  const enrol = (id: string) =>
    store.edges.put({
      ...{ id, publicKeyHash: `key of ${id}`, thumbprint: 't', serial: `serial of ${id}`, generation: 1 },
      ...{ notAfterMs: Date.now() + 86_400_000, host: { name: 'h', platform: 'linux', program: 'p' } },
    })
  for (const name of names) {
    const { id } = await put(store, 'edge', name, { host: `${name}.example`, port: 443, region: name })
    ids[name] = id
    await enrol(id)
  }
  await edges.refresh()
  const connect = (name: string, over: Partial<Connected> = {}) => {
    const agent = connected('connector', ids[name]!)
    const identity = { ...agent.peer.identity, role: 'edge' as const }
    const edge: Connected = { ...agent, ...over, peer: { ...agent.peer, identity } }
    presence.addEdge(edge)
    return edge
  }
  return {
    ...{ store, edges, presence, home, ids, enrol, connect },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

const namesOf = (list: readonly { name: string }[]) => list.map(({ name }) => name)

test('the home edge comes first, then those that are enabled and enrolled, by name', async () => {
  await using w = await world('zurich', 'athens')
  await put(w.store, 'edge', 'registered', { host: 'r.example', port: 443 })
  await put(w.store, 'edge', 'zurich', { host: 'z.example', port: 443, enabled: false }, w.ids.zurich)
  await w.edges.refresh()
  assert.deepEqual(namesOf(w.edges.list()), ['embedded', 'athens'])
  assert.equal(w.edges.stateOf(w.ids.zurich!), 'disabled')
})

test('agents are told which edges take nobody now, and of a second port', async () => {
  await using w = await world('athens', 'bern')
  const athens = w.connect('athens')
  const out = () => Object.fromEntries(w.edges.list().map((edge) => [edge.name, edge.out]))
  assert.deepEqual(out(), { embedded: undefined, athens: undefined, bern: 'away' })
  const status = { type: 'edge-status', pipes: 2, connections: 1, relayed: 0 } as const
  assert.equal(w.edges.status(athens, { ...status, state: 'draining' }), true, 'agents should hear of it')
  assert.equal(out().athens, 'draining')
  assert.equal(w.edges.status(athens, { ...status, state: 'draining' }), false)
  assert.equal(w.edges.status(athens, { ...status, state: 'serving', controlPort: 8443 }), true)
  assert.equal(w.edges.list().find(({ name }) => name === 'athens')?.controlPort, 8443)
  assert.equal(w.edges.status(athens, { ...status, state: 'serving', controlPort: 8443, pipes: 9 }), false)
  assert.equal(athens.tunnels, 9)
})

test('an edge that serves in spite of something is degraded, and says what', async () => {
  await using w = await world('athens')
  const athens = w.connect('athens')
  assert.equal(w.edges.stateOf(w.ids.athens!), 'serving')
  const notes = [{ code: 'DISK_FULL', hop: 'edge', detail: 'no space' }] as const
  const status = { type: 'edge-status', state: 'serving', pipes: 0, connections: 0, relayed: 0 } as const
  w.edges.status(athens, { ...status, notes: [...notes] })
  assert.equal(w.edges.stateOf(w.ids.athens!), 'degraded')
  assert.deepEqual(w.edges.notesOf(w.ids.athens!), notes)
  w.presence.remove(athens)
  assert.equal(w.edges.stateOf(w.ids.athens!), 'away')
  assert.deepEqual(w.edges.notesOf(w.ids.athens!), [])
})

test('an edge passes connections on with the key it enrolled with last, and no other', async () => {
  await using w = await world('athens')
  const { peer } = w.connect('athens')
  const with_ = (publicKeyHash: string) => w.edges.admits({ identity: peer.identity, publicKeyHash })
  assert.equal(with_(`key of ${w.ids.athens}`), true)
  assert.equal(with_('stolen'), false)
  await put(w.store, 'edge', 'athens', { host: 'a.example', port: 443, enabled: false }, w.ids.athens)
  await w.edges.refresh()
  assert.equal(with_(`key of ${w.ids.athens}`), false, 'disabled')
  await w.store.objects.delete('edge', w.ids.athens!)
  await w.edges.refresh()
  assert.equal(with_(`key of ${w.ids.athens}`), false, 'deleted')
})

test('a pipe goes over the edge that is nearest to both of its ends', async () => {
  await using w = await world('athens', 'bern')
  w.connect('athens')
  w.connect('bern')
  const [client, connector] = [connected('client', 'dev_1'), connected('connector', 'con_1')]
  const measure = (agent: Connected, rttUs: Record<string, number>) =>
    w.edges.seen(agent, {
      type: 'edges',
      seen: Object.entries(rttUs).map(([name, us]) => ({ edge: w.ids[name] ?? w.home.id, rttUs: us })),
    })
  measure(client, { home: 90_000, athens: 10_000, bern: 50_000 })
  measure(connector, { home: 90_000, athens: 80_000, bern: 20_000 })
  const { edge, because } = w.edges.choose(client, connector)
  assert.equal(edge.host, 'bern.example')
  assert.match(because, /bern/)
  w.presence.remove(w.presence.edge(w.ids.bern!)!)
  assert.equal(w.edges.choose(client, connector).edge.host, 'athens.example')
})

test('what an agent last measured counts, and the least of it is kept', async () => {
  await using w = await world('athens')
  const client = connected('client', 'dev_1')
  const edge = w.ids.athens!
  const see = (seen: { rttUs?: number; fault?: { code: 'EGRESS_BLOCKED'; hop: 'client'; detail: string } }) =>
    w.edges.seen(client, { type: 'edges', seen: [{ edge, ...seen }] })
  see({ rttUs: 9000 })
  see({ rttUs: 30_000 })
  assert.deepEqual(client.edges.get(edge), { rttUs: 30_000, code: undefined, leastUs: 9000 })
  see({ fault: { code: 'EGRESS_BLOCKED', hop: 'client', detail: 'timeout' } })
  assert.deepEqual(client.edges.get(edge), { rttUs: undefined, code: 'EGRESS_BLOCKED', leastUs: 9000 })
  const { edge: via, edgesSeen } = w.edges.namesFor({ via: edge, edges: client.edges })
  assert.deepEqual([via, edgesSeen[0]?.name], [{ id: edge, name: 'athens' }, 'athens'])
})

test('where every edge drains no pipe begins, and the fault names them', async () => {
  await using w = await world()
  const home = connected('connector', w.home.id)
  w.presence.addEdge({
    ...home,
    state: 'draining',
    peer: { ...home.peer, identity: { ...home.peer.identity, role: 'edge' } },
  })
  assert.throws(() => w.edges.choose(connected('client', 'd'), connected('connector', 'c')), {
    code: 'EDGE_DRAINING',
    detail: /embedded: draining/,
  })
})

test('a session says by which edge its pipe went and why, as long as that is remembered', async () => {
  await using w = await world('athens')
  w.edges.remember('pip_1', w.ids.athens!, 'nearest to both')
  assert.deepEqual(w.edges.reasonFor('pip_1'), { edgeName: 'athens', edgeBecause: 'nearest to both' })
  assert.equal(w.edges.reasonFor(undefined), undefined)
  for (let number = 0; number < 10_000; number++) w.edges.remember(`pip_x${number}`, w.home.id, 'only one')
  assert.equal(w.edges.reasonFor('pip_1'), undefined)
  assert.equal(w.edges.reasonFor('pip_x0')?.edgeName, 'embedded')
})

test('an edge that is gone is shown by its id, and a connection through it as one to the home edge', async () => {
  await using w = await world()
  assert.equal(w.edges.nameOf('edg_gone'), 'edg_gone')
  assert.deepEqual(w.edges.via('edg_gone'), { id: w.home.id, host: 'edge.example', port: 443 })
})

test('agents hear of as many edges as they can measure', async () => {
  const names = Array.from({ length: MAX_EDGES + 3 }, (_, number) => `e${String(number).padStart(3, '0')}`)
  await using w = await world(...names)
  assert.equal(w.edges.list().length, MAX_EDGES)
  assert.equal(w.edges.nameOf(w.ids[names.at(-1)!]!), names.at(-1))
})
