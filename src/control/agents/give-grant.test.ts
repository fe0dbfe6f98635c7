import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicySnapshot } from '../snapshot.ts'
import { connected, enrolConnector, enrolDevice, openControl, put } from './control.fixture.ts'
import { giveGrant } from './give-grant.ts'

test('policy that has changed meanwhile is read before the transaction, not while others wait for it; one that goes on changing is met within', async () => {
  await using control = await openControl()
  const { store, parts } = control
  const group = await put(store, 'connector-group', 'dc1')
  await put(store, 'server-group', 'web', { connectorGroups: ['dc1'] })
  await put(store, 'segment', 'wiki', { domains: ['wiki.example'], tcp: ['443'], serverGroups: ['web'] })
  const user = await put(store, 'user', 'alice')
  await put(store, 'access-rule', 'r', { order: 1, action: 'allow', conditions: { users: ['alice'] } })
  const connector = await enrolConnector(store, group.id, 'c1')
  parts.presence.addConnector(connected('connector', connector.id))
  const device = await enrolDevice(store, user.id, 'laptop')
  const client = { ...connected('client', device.id), device: { name: 'laptop', userId: user.id } }
  const asked = {
    type: 'authorize',
    id: '1',
    host: 'wiki.example',
    port: 443,
    protocol: 'tcp',
    wantPipe: false,
  } as const
  for (const [changes, read] of [
    [1, ['outside', 'outside']],
    [2, ['outside', 'outside', 'transaction']],
  ] as const) {
    let left: number = changes
    let last: PolicySnapshot | undefined
    const seen: string[] = []
    const policy: typeof parts.policy = async (tx) => {
      const now = await parts.policy(tx)
      if (now !== last) seen.push(tx === undefined ? 'outside' : 'transaction')
      last = now
      if (tx === undefined && left-- > 0) await put(store, 'segment-group', `change-${changes}-${left}`)
      return now
    }
    const given = await giveGrant({ ...parts, policy }, client, asked)
    assert.equal(given.permitted.segment.name, 'wiki')
    assert.deepEqual(seen, read)
  }
})
