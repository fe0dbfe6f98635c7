import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import type { Connected } from '../presence/presence.ts'
import { connected, enrolDevice, enrolledConnector, openControl, put } from './control.fixture.ts'
import { agentHandlers } from './handlers.ts'
import type { AgentHandlers } from './hub.ts'

/** What an agent tells once it has said hello. */
type Told = Parameters<AgentHandlers['handle']>[1]

/** A connector of dc1, a device of ada and an edge. */
async function world() {
  const control = await openControl()
  const { store, parts } = control
  const group = await put(store, 'connector-group', 'dc1', { region: 'eu' })
  const user = await put(store, 'user', 'ada')
  const record = await enrolledConnector(store, group.id, 'web1')
  const device = await enrolDevice(store, user.id, 'laptop')
  const connector = connected('connector', record.id)
  const client = { ...connected('client', device.id), device: { name: 'laptop', userId: user.id } }
  const at = connected('connector', 'edg_1')
  const edge: Connected = { ...at, peer: { ...at.peer, identity: { ...at.peer.identity, role: 'edge' } } }
  return {
    ...{ store, parts, connector, client, edge, handlers: agentHandlers(parts) },
    [Symbol.asyncDispose]: () => control[Symbol.asyncDispose](),
  }
}

type World = Awaited<ReturnType<typeof world>>

const STATUS: Told = {
  ...{ type: 'status', state: 'healthy', sessions: 4, tunnels: 2, cpuPercent: 7, rssBytes: 9, rttUs: 5 },
} as Told

const WRONG: { name: string; who: 'connector' | 'client' | 'edge'; message: object }[] = [
  { name: 'an edge asks for access', who: 'edge', message: { type: 'authorize', id: 'r' } },
  { name: 'an edge tells of sessions', who: 'edge', message: { type: 'session', id: 'r' } },
  { name: 'a connector asks for access', who: 'connector', message: { type: 'authorize', id: 'r' } },
  { name: 'a connector tells of itself as an edge', who: 'connector', message: { type: 'edge-status' } },
  { name: 'a client tells a connector’s status', who: 'client', message: STATUS },
  { name: 'a client asks for a canary', who: 'client', message: { type: 'canary', id: 'r' } },
  { name: 'a client tells what it carries', who: 'client', message: { type: 'carries', ended: [] } },
]
test('a message that is not for its sender’s role is a breach of the protocol', async (t) => {
  await using w = await world()
  for (const { name, who, message } of WRONG) {
    await t.test(name, async () => {
      const handled = w.handlers.handle(w[who], message as Told)
      await assert.rejects(handled, { code: 'PROTOCOL_ERROR', detail: new RegExp(`${who} sent`) })
    })
  }
})

test('a connector’s last word on itself replaces what it said before', async () => {
  await using w = await world()
  w.parts.presence.addConnector(w.connector)
  const overload = { code: 'CONNECTOR_OVERLOADED', hop: 'connector', detail: 'cpu' } as const
  await w.handlers.handle(w.connector, { ...STATUS, overload } as Told)
  assert.deepEqual([w.connector.sessions, w.connector.overload, w.connector.given], [4, overload, 0])
  const { rttUs: _, ...without } = STATUS as Told & { rttUs?: number }
  await w.handlers.handle(w.connector, { ...without, sessions: 1 } as Told)
  assert.deepEqual([w.connector.sessions, w.connector.overload, w.connector.rttUs], [1, undefined, 5])
})

const reach = (over: object): Told =>
  ({ type: 'reach', segment: 'seg_1', host: 'wiki.internal', port: 443, ok: true, ...over }) as Told
const REFUSED = { ok: false, fault: { code: 'APP_REFUSED', hop: 'application', detail: 'refused' } } as const

test('a connector is degraded from the first application it does not reach until it reaches all again', async () => {
  await using w = await world()
  const tell = (over: object) => w.handlers.handle(w.connector, reach(over))
  await tell(REFUSED)
  await tell({ ...REFUSED, host: 'git.internal' })
  assert.equal(w.connector.state, 'degraded')
  await tell({})
  assert.equal(w.connector.state, 'degraded', 'git is not reached yet')
  await tell({ host: 'git.internal' })
  assert.equal(w.connector.state, 'healthy')
  w.connector.state = 'draining'
  await tell(REFUSED)
  assert.equal(w.connector.state, 'draining', 'its own word on its leaving stays')
})

test('a connector that leaves takes along what it said of applications; when and how is on record', async () => {
  await using w = await world()
  const { id } = w.connector.peer.identity
  w.parts.presence.addConnector(w.connector)
  await w.handlers.handle(w.connector, reach(REFUSED))
  w.parts.presence.remove(w.connector)
  w.handlers.left(w.connector, new Fault('CONTROL_UNREACHABLE', 'no pong', { seen: { lost: 'silent' } }))
  assert.deepEqual(w.parts.presence.applications.toldBy(id, Date.now()), [])
  const { left } = w.parts.departures.of(id)
  assert.deepEqual([left?.lost, left?.fault?.code], ['silent', 'CONNECTOR_DISCONNECTED'])
  await w.store.transaction(async () => {})
  assert.equal((await w.store.connectors.byId(id))?.lastAddress, '192.0.2.1')
})

test('what a connector said stays when another connection of it has taken the place', async () => {
  await using w = await world()
  const { id } = w.connector.peer.identity
  w.parts.presence.addConnector({ ...w.connector })
  await w.handlers.handle(w.connector, reach(REFUSED))
  w.handlers.left(w.connector, undefined)
  assert.equal(w.parts.presence.applications.toldBy(id, Date.now()).length, 1)
})

test('a device has left when the last of its connections has', async () => {
  await using w = await world()
  const { id } = w.client.peer.identity
  const command = { ...w.client }
  w.parts.presence.addClient(w.client)
  w.handlers.left(command, undefined)
  assert.equal(w.parts.deviceDepartures.of(id).left, undefined)
  w.parts.presence.remove(w.client)
  w.handlers.left(w.client, undefined)
  assert.equal(w.parts.deviceDepartures.of(id).left?.orderly, true)
  await w.handlers.welcome(w.client)
  assert.equal(w.parts.deviceDepartures.of(id).left, undefined, 'it is here again')
})

test('who proved who they are and was not let in is on record, but for edges', async () => {
  await using w = await world()
  const fault = new Fault('IDENTITY_CLONED', 'copy')
  for (const one of [w.connector, w.client, w.edge]) w.handlers.refused(one.peer, '203.0.113.9', fault)
  const { departures, deviceDepartures } = w.parts
  assert.equal(departures.of(w.connector.peer.identity.id).refused?.address, '203.0.113.9')
  assert.equal(deviceDepartures.of(w.client.peer.identity.id).refused?.fault.code, 'IDENTITY_CLONED')
  assert.equal(departures.of('edg_1').refused, undefined)
})

test('a welcome has what each role needs, and nothing of what the others do', async () => {
  await using w = await world()
  const welcomeOf = async (who: keyof Pick<World, 'connector' | 'client' | 'edge'>) => {
    const [first] = await w.handlers.welcome(w[who])
    assert.ok(first?.type === 'welcome')
    return first
  }
  const connector = await welcomeOf('connector')
  assert.deepEqual(
    [connector.group, connector.region, connector.keys !== undefined, connector.covers, connector.lanes],
    ['dc1', 'eu', true, undefined, undefined],
  )
  const client = await welcomeOf('client')
  assert.deepEqual(
    [client.keys, client.group, client.covers],
    [undefined, undefined, { hosts: [], cidrs: [] }],
  )
  const edge = await welcomeOf('edge')
  assert.deepEqual([edge.edges, edge.covers, edge.keys !== undefined], [undefined, undefined, true])
  assert.notEqual(edge.keys, connector.keys, 'tickets are not verified with the keys of grants')
})

test('a device hears of what policy lets it reach, and of what was revoked while it was away', async () => {
  await using w = await world()
  await put(w.store, 'server-group', 'web', { connectorGroups: ['dc1'] })
  for (const [name, tcp] of [
    ['wiki', '443'],
    ['git', '22'],
  ] as const)
    await put(w.store, 'segment', name, { domains: [`${name}.internal`], tcp: [tcp], serverGroups: ['web'] })
  await put(w.store, 'access-rule', 'r', {
    ...{ order: 1, action: 'allow', conditions: { users: ['ada'], segments: ['wiki'] } },
  })
  const [deviceId, connectorId] = [w.client.peer.identity.id, w.connector.peer.identity.id]
  const expiresMs = Date.now() + 60_000
  const grant = {
    id: 'grt_1',
    deviceId,
    connectorId,
    expiresMs,
    userId: 'u',
    segmentId: 's',
    ruleId: 'r',
    host: 'h',
  }
  await w.store.revocations.issued(grant)
  await w.store.revocations.revokeGrants(['grt_1'], { reason: 'policy', expiresMs })
  const [client] = await w.handlers.welcome(w.client)
  assert.ok(client?.type === 'welcome')
  assert.deepEqual([client.covers, client.revoked], [{ hosts: ['wiki.internal'], cidrs: [] }, ['grt_1']])
  const [connector] = await w.handlers.welcome(w.connector)
  assert.ok(connector?.type === 'welcome')
  assert.deepEqual(connector.revoked, ['grt_1'])
})
