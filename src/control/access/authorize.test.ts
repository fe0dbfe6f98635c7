import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../../base/faults.ts'
import type { Candidate } from '../../policy/select.ts'
import { openStore, type Store } from '../../store/store.ts'
import { loadPolicy } from '../base/policy-now.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import { type AuthorizeQuestion, choose, permit } from './authorize.ts'

const NOW = Date.UTC(2026, 10, 21, 12, 0)

/** One user, one wiki on 443, one database on 5432 that only managed devices reach, one segment with no way to it. */
async function declare(store: Store): Promise<{ policy: PolicySnapshot; user: string }> {
  const put = store.objects.put.bind(store.objects)
  await put({
    kind: 'connector-group',
    name: 'dc1',
    spec: { description: '', enabled: true, location: '', region: '', connectorKind: 'app' },
  })
  const group = {
    description: '',
    enabled: true,
    dynamicDiscovery: true,
    servers: [],
    failoverConnectorGroups: [],
  }
  await put({ kind: 'server-group', name: 'dc1-servers', spec: { ...group, connectorGroups: ['dc1'] } })
  const segment = {
    description: '',
    enabled: true,
    cidrs: [],
    udp: [],
    health: 'onAccess' as const,
    serverGroups: ['dc1-servers'],
    addressCidrs: [],
  }
  await put({
    kind: 'segment',
    name: 'wiki',
    spec: { ...segment, domains: ['*.corp.example'], tcp: ['443'] },
  })
  await put({
    kind: 'segment',
    name: 'db',
    spec: { ...segment, domains: ['db.corp.example'], tcp: ['5432'] },
  })
  await put({
    kind: 'segment',
    name: 'lost',
    spec: { ...segment, domains: ['lost.corp.example'], tcp: ['443'], serverGroups: [] },
  })
  await put({ kind: 'posture-fact', name: 'managed', spec: { description: '', valueType: 'boolean' } })
  const { id: user } = await put({
    kind: 'user',
    name: 'ada',
    spec: { description: '', enabled: true, displayName: '', email: '', groups: [] },
  })
  const rule = { description: '', enabled: true, action: 'allow' as const }
  await put({
    kind: 'access-rule',
    name: 'managed-to-db',
    spec: {
      ...rule,
      order: 1,
      conditions: { segments: ['db'], posture: [{ fact: 'managed', equals: true }] },
    },
  })
  await put({
    kind: 'access-rule',
    name: 'all-to-wiki',
    spec: { ...rule, order: 2, conditions: { segments: ['wiki', 'lost'] } },
  })
  return { policy: await loadPolicy(store), user }
}

const asked = (user: string, more: Partial<AuthorizeQuestion>): AuthorizeQuestion => ({
  user,
  device: 'dev_1',
  posture: {},
  clientKind: 'client',
  host: 'wiki.corp.example',
  port: 443,
  protocol: 'tcp',
  nowMs: NOW,
  ...more,
})

test('the decision names segment and rule, or the place and reason of the denial', async () => {
  await using store = await openStore({ file: ':memory:' })
  const { policy, user } = await declare(store)
  const cases: {
    name: string
    asks: Partial<AuthorizeQuestion>
    rule?: string
    code?: string
    says?: RegExp
  }[] = [
    { name: 'allowed', asks: {}, rule: 'all-to-wiki' },
    { name: 'another spelling of the same name', asks: { host: 'WIKI.corp.example.' }, rule: 'all-to-wiki' },
    { name: 'a name nobody declared', asks: { host: 'wiki.evil-corp.example' }, code: 'CLIENT_NOT_COVERED' },
    {
      name: 'the most specific segment decides the port',
      asks: { host: 'db.corp.example' },
      code: 'CLIENT_WRONG_PORT',
      says: /segment db .*5432/,
    },
    {
      name: 'posture missing',
      asks: { host: 'db.corp.example', port: 5432 },
      code: 'POSTURE_FAILED',
      says: /managed/,
    },
    {
      name: 'posture met',
      asks: { host: 'db.corp.example', port: 5432, posture: { managed: true } },
      rule: 'managed-to-db',
    },
    { name: 'not over UDP', asks: { protocol: 'udp' }, code: 'CLIENT_WRONG_PORT' },
    { name: 'a user who is gone', asks: { user: 'usr_gone' }, code: 'IDENTITY_REVOKED' },
    { name: 'no host at all', asks: { host: '' }, code: 'BAD_DESTINATION' },
  ]
  for (const { name, asks, rule, code, says } of cases) {
    const ask = () => permit(policy, asked(user, asks))
    if (rule !== undefined) assert.equal(ask().rule.name, rule, name)
    else {
      assert.throws(ask, (fault: Fault) => {
        assert.equal(fault.code, code, name)
        if (says) assert.match(fault.message, says, name)
        return true
      })
    }
  }
})

test('a segment without a way, and a group without a healthy member, are told apart', async () => {
  await using store = await openStore({ file: ':memory:' })
  const { policy, user } = await declare(store)
  const lost = permit(policy, asked(user, { host: 'lost.corp.example' })).segment
  assert.throws(() => choose(policy, lost, () => []), { code: 'SEGMENT_UNMAPPED' })

  const wiki = permit(policy, asked(user, {})).segment
  const member = (id: string, state: Candidate['state'], more: Partial<Candidate> = {}): Candidate => ({
    ...{ id, name: id, group: 'dc1', state, sessions: 0 },
    ...more,
  })
  const out = [member('a', 'disconnected'), member('b', 'draining')]
  assert.throws(
    () => choose(policy, wiki, () => out),
    (fault: Fault) => {
      assert.equal(fault.code, 'NO_HEALTHY_CONNECTOR')
      assert.match(fault.detail, /a: .*disconnected.*b: .*drain/i)
      return true
    },
  )
  const cutOff = member('e', 'healthy', { unreachable: { code: 'APP_REFUSED' } })
  assert.equal(
    choose(policy, wiki, () => [...out, cutOff]).chosen.id,
    'e',
    'the application itself answers then',
  )
  const chosen = choose(policy, wiki, () => [
    ...out,
    cutOff,
    member('c', 'healthy', { sessions: 5 }),
    member('d', 'healthy'),
  ])
  assert.equal(chosen.chosen.id, 'd', 'the one with fewest sessions')
  assert.equal(chosen.excluded.length, 3)
})

test('a branch connector is not asked for a private application', async () => {
  await using store = await openStore({ file: ':memory:' })
  await declare(store)
  const dc1 = await store.objects.get('connector-group', 'dc1')
  const held = { thumbprint: 't', serial: '1', notAfterMs: NOW, generation: 1, fingerprint: {} }
  const host = { name: 'box1', platform: 'linux', program: 'test' }
  await store.connectors.create({ ...held, host, groupId: dc1.id, publicKeyHash: 'p' })
  await store.objects.put({ ...dc1, spec: { ...dc1.spec, connectorKind: 'branch' } })
  const asks = (policy: PolicySnapshot) => {
    const wiki = policy.segments.find((segment) => segment.name === 'wiki')!
    return choose(policy, wiki, (groups) =>
      policy
        .members(groups)
        .map(({ id, name, groupId }) => ({ id, name, group: groupId, state: 'healthy', sessions: 0 })),
    )
  }
  const only = await loadPolicy(store)
  assert.throws(() => asks(only), { code: 'WRONG_CONNECTOR_KIND', detail: /dc1 is for branch connectors/ })

  const { spec } = await store.objects.put({ ...dc1, name: 'dc2', id: undefined, spec: { ...dc1.spec } })
  const dc2 = await store.objects.get('connector-group', 'dc2')
  assert.equal(spec.connectorKind, 'app')
  const second = await store.connectors.create({ ...held, host, groupId: dc2.id, publicKeyHash: 'q' })
  const servers = await store.objects.get('server-group', 'dc1-servers')
  await store.objects.put({ ...servers, spec: { ...servers.spec, connectorGroups: [dc1.id, dc2.id] } })
  const selection = asks(await loadPolicy(store))
  assert.equal(selection.chosen.id, second.id)
  assert.deepEqual(
    selection.excluded.map(({ name, because }) => `${name}: ${because}`),
    ['box1: its group dc1 is for branch connectors'],
  )
})
