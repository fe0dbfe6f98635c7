import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../../base/faults.ts'
import type { Connected } from '../presence/presence.ts'
import { ChangeEffects } from './change-effects.ts'
import {
  connected,
  enrolDevice,
  enrolledConnector,
  type FakeAgent,
  openControl,
  put,
} from './control.fixture.ts'

/** A connector, two devices of one user and an edge, all connected; what is changed has its effects at `settled`. */
async function world() {
  const control = await openControl()
  const { store, parts } = control
  const { presence } = parts
  const group = await put(store, 'connector-group', 'dc1')
  const user = await put(store, 'user', 'ada')
  const connector = await enrolledConnector(store, group.id, 'web1')
  const [laptop, phone] = [
    await enrolDevice(store, user.id, 'laptop'),
    await enrolDevice(store, user.id, 'phone'),
  ]
  const edge = await put(store, 'edge', 'athens', { host: 'athens.example', port: 443 })
  await store.edges.put({
    ...{ id: edge.id, publicKeyHash: 'cd'.repeat(32), thumbprint: 't', serial: '1', generation: 1 },
    ...{ notAfterMs: Date.now() + 86_400_000, host: { name: 'h', platform: 'linux', program: 'p' } },
  })
  await parts.edges.refresh()
  const cut: Record<string, Fault> = {}
  const heard = { ended: [] as string[], moved: 0 }
  const add = (agent: FakeAgent, as: (agent: Connected) => void) => {
    const close = (fault: Fault) => {
      cut[agent.peer.identity.id] = fault
    }
    const channel = Object.create(agent.channel, { close: { value: close } }) as Connected['channel']
    as({ ...agent, channel })
    return agent
  }
  add(connected('connector', connector.id), (agent) => presence.addConnector(agent))
  for (const { id } of [laptop, phone]) add(connected('client', id), (agent) => presence.addClient(agent))
  const atEdge = add(connected('connector', edge.id), ({ peer, ...rest }) =>
    presence.addEdge({ ...rest, peer: { ...peer, identity: { ...peer.identity, role: 'edge' } } }),
  )
  const effects = new ChangeEffects(parts, {
    ended: (id) => heard.ended.push(id),
    homeMoved: () => heard.moved++,
  })
  const settled = async () => {
    await new Promise(setImmediate) // The bus tells behind this turn.
    await effects.settled()
  }
  return {
    ...{ store, parts, user, connector, laptop, phone, edge, cut, heard, settled },
    /** Agents that remote edges were told to cut. */
    edgeCut: () => atEdge.sent.flatMap((one) => (one.type === 'edge-state' ? one.ended : [])),
    async [Symbol.asyncDispose]() {
      effects[Symbol.dispose]()
      await control[Symbol.asyncDispose]()
    },
  }
}

test('a connector that is disabled loses its connection, its pipes and nobody else’s', async () => {
  await using w = await world()
  await w.store.connectors.update(w.connector.id, { enabled: false })
  await w.settled()
  assert.deepEqual(Object.keys(w.cut), [w.connector.id])
  assert.equal(w.cut[w.connector.id]?.code, 'IDENTITY_REVOKED')
  assert.match(w.cut[w.connector.id]!.detail, /web1.* is disabled/)
  assert.deepEqual([w.heard.ended, w.edgeCut()], [[w.connector.id], [w.connector.id]])
})

test('a connector that moves to another group stays connected', async () => {
  await using w = await world()
  const other = await put(w.store, 'connector-group', 'dc2')
  await w.store.connectors.update(w.connector.id, { groupId: other.id })
  await w.settled()
  assert.deepEqual([w.cut, w.heard.ended], [{}, []])
})

test('a device that is deleted is told who deleted it', async () => {
  await using w = await world()
  await w.store.transaction(async (tx) => {
    await tx.devices.delete(w.laptop.id)
    await tx.audit.append({
      ...{ actor: 'token ann (tok_1)', action: 'client-device.delete' },
      ...{ object: `client-device ${w.laptop.id}`, detail: { name: 'laptop' } },
    })
  })
  await w.settled()
  assert.deepEqual(Object.keys(w.cut), [w.laptop.id])
  assert.match(w.cut[w.laptop.id]!.detail, /laptop .* was deleted at .* by token ann/)
})

test('signing out a user cuts all their devices, and says that they must sign in again', async () => {
  await using w = await world()
  await w.store.signIns.end({ userId: w.user.id }, { by: 'token ann (tok_1)' })
  await w.settled()
  assert.deepEqual(new Set(Object.keys(w.cut)), new Set([w.laptop.id, w.phone.id]))
  for (const { code } of Object.values(w.cut)) assert.equal(code, 'REAUTH_NEEDED')
  assert.deepEqual(new Set(w.edgeCut()), new Set([w.laptop.id, w.phone.id]))
})

test('a fact that an admin assigns to a device cuts nothing by itself', async () => {
  await using w = await world()
  await w.store.devices.update(w.laptop.id, { assignedPosture: { managed: true } })
  await w.settled()
  assert.deepEqual([w.cut, w.heard.ended], [{}, []])
})

test('an edge that is disabled loses its connection, and agents no longer hear of it', async () => {
  await using w = await world()
  const spec = { host: 'athens.example', port: 443, enabled: false }
  await put(w.store, 'edge', 'athens', spec, w.edge.id)
  await w.settled()
  assert.deepEqual(Object.keys(w.cut), [w.edge.id])
  assert.deepEqual(w.heard.ended, [w.edge.id])
  assert.deepEqual(
    w.parts.edges.list().map(({ name }) => name),
    ['embedded'],
  )
})

test('an edge that only moves keeps its connection; the edge beside the server is told when it moves', async () => {
  await using w = await world()
  await put(w.store, 'edge', 'athens', { host: 'moved.example', port: 8443 }, w.edge.id)
  await w.settled()
  assert.deepEqual([w.cut, w.heard.moved], [{}, 0])
  assert.equal(w.parts.edges.via(w.edge.id).host, 'moved.example')
  await put(w.store, 'edge', 'embedded', { host: 'home.example', port: 443 }, w.parts.home.id)
  await w.settled()
  assert.deepEqual([w.cut, w.heard.moved], [{}, 1])
})
