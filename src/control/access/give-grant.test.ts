import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import type { Store } from '../../store/store.ts'
import { connected, enrolDevice, enrolledConnector, openControl, put } from '../agents/control.fixture.ts'
import { cachedPolicy } from '../base/policy-now.ts'
import { giveGrant } from './give-grant.ts'
import { reevaluate } from './reevaluate.ts'

/** One user who may reach one application, and a policy whose reading can be held up. */
async function world() {
  const control = await openControl()
  const { store } = control
  const group = await put(store, 'connector-group', 'dc1')
  await put(store, 'server-group', 'web', { connectorGroups: ['dc1'] })
  await put(store, 'segment', 'wiki', { domains: ['wiki.example'], tcp: ['443'], serverGroups: ['web'] })
  const user = await put(store, 'user', 'alice')
  await put(store, 'access-rule', 'r', { order: 1, action: 'allow', conditions: { users: ['alice'] } })
  const connector = connected('connector', (await enrolledConnector(store, group.id, 'c1')).id)
  control.parts.presence.addConnector(connector)
  const device = await enrolDevice(store, user.id, 'laptop')
  const client = { ...connected('client', device.id), device: { name: 'laptop', userId: user.id } }
  const gate: { held?: Promise<void> } = {}
  const reading = async (work: Parameters<Store['reading']>[0]) => {
    await gate.held
    return store.reading(work)
  }
  const slow = Object.create(store, { reading: { value: reading } }) as Store
  const parts = { ...control.parts, policy: cachedPolicy(slow, silentLog) }
  await parts.policy()
  /** Begins a change, and is back when it is durable. */
  const begin = async (change: () => Promise<unknown>) => {
    const { promise, resolve: goOn } = Promise.withResolvers<void>()
    gate.held = promise
    const durable = new Promise<void>((seen) => store.bus.subscribe('policy', () => seen()))
    const changed = change()
    await durable
    return async () => {
      goOn()
      await changed
    }
  }
  const asked = { type: 'authorize', id: '1', host: 'wiki.example', port: 443, protocol: 'tcp' } as const
  const ask = () => giveGrant(parts, client, { ...asked, wantPipe: false })
  return {
    ...{ store, parts, device, connector, begin, ask },
    [Symbol.asyncDispose]: () => control[Symbol.asyncDispose](),
  }
}

test('nobody waits for a policy that is being made: the one before gives a grant, and the look finds it', async () => {
  await using w = await world()
  const deny = () => put(w.store, 'access-rule', 'none', { order: 0, action: 'deny' })
  const takeEffect = await w.begin(deny)
  const given = await w.ask()
  const look = reevaluate(w.parts)
  const another = await w.ask()
  await takeEffect()
  await look
  const revoked = w.connector.sent.flatMap((one) => (one.type === 'revoke' ? one.grants : []))
  assert.deepEqual(new Set(revoked), new Set([given, another].map(({ made }) => made.grant.id)))
  await assert.rejects(w.ask(), { code: 'POLICY_DENIED' }, 'its writer has been answered')
})

test('one that takes effect while a grant is being given decides anew', async () => {
  await using w = await world()
  const takeEffect = await w.begin(() => put(w.store, 'access-rule', 'none', { order: 0, action: 'deny' }))
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  const writing = w.store.transaction(() => free)
  const refused = assert.rejects(w.ask(), { code: 'POLICY_DENIED' })
  await takeEffect()
  release()
  await refused
  await writing
  assert.deepEqual([...w.parts.live.at(Date.now())], [])
})

test('a device that was disabled meanwhile is given nothing, whatever policy is in effect', async () => {
  await using w = await world()
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  const writing = w.store.transaction(async (tx) => {
    await tx.devices.update(w.device.id, { enabled: false })
    await free
  })
  const refused = assert.rejects(w.ask(), { code: 'IDENTITY_REVOKED' })
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  release()
  await refused
  await writing
})
