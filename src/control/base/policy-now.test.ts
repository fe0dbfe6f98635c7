import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS, type ObjectKind } from '../../api/kinds.ts'
import { Fault } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import { decide } from '../../policy/decide.ts'
import type { Candidate, CandidateState } from '../../policy/select.ts'
import { openStore, type Store } from '../../store/store.ts'
import { choose } from '../access/authorize.ts'
import { cachedPolicy, loadPolicy } from './policy-now.ts'

const put = (store: Store, kind: ObjectKind, name: string, fields: object = {}, id?: string) =>
  store.objects.put({ kind, name, id, spec: OBJECT_KINDS[kind].spec.parse(fields) })

async function withWiki(): Promise<Store> {
  const store = await openStore({ file: ':memory:' })
  await put(store, 'connector-group', 'dc1')
  await put(store, 'server-group', 'web', { connectorGroups: ['dc1'] })
  await put(store, 'segment-group', 'office')
  await put(store, 'segment', 'wiki', {
    domains: ['wiki.example'],
    tcp: ['443', '8000-8100'],
    segmentGroup: 'office',
    serverGroups: ['web'],
    addressCidrs: ['10.0.0.0/8'],
  })
  await put(store, 'user-group', 'staff')
  await put(store, 'user', 'alice', { groups: ['staff'] })
  await put(store, 'posture-fact', 'managed', { valueType: 'boolean' })
  await put(store, 'access-rule', 'r', {
    order: 1,
    action: 'allow',
    conditions: {
      userGroups: ['staff'],
      segmentGroups: ['office'],
      posture: [{ fact: 'managed', equals: true }],
    },
  })
  return store
}

test('what is stored decides: from the name asked for to the connector group', async () => {
  await using store = await withWiki()
  const policy = await loadPolicy(store)
  const match = policy.destinations.find({ host: 'wiki.example', port: 8050, protocol: 'tcp' })
  assert.ok(match.is === 'found')
  const [userId, user] = [...policy.users][0]!
  const request = (managed: boolean) => ({
    user: { id: userId, groups: user.groups },
    device: { id: 'dev_1', posture: { managed } },
    clientKind: 'client',
    segment: match.segment,
    nowMs: 0,
  })
  assert.equal(decide(policy.rules, request(true)).allow, true)
  assert.equal(decide(policy.rules, request(false)).allow, false)
  const group = await store.objects.get('connector-group', 'dc1')
  assert.deepEqual(policy.connectorGroupsOf(match.segment), [group.id])
  assert.deepEqual(policy.members([group.id]), [])
})

test('what is disabled on the way leads nowhere', async () => {
  const DISABLED: { kind: ObjectKind; name: string; fields?: object; gives: 'no segment' | 'no group' }[] = [
    { kind: 'segment-group', name: 'office', gives: 'no segment' },
    { kind: 'server-group', name: 'web', fields: { connectorGroups: ['dc1'] }, gives: 'no group' },
    { kind: 'connector-group', name: 'dc1', gives: 'no group' },
  ]
  for (const { kind, name, fields, gives } of DISABLED) {
    await using store = await withWiki()
    const { id } = await store.objects.get(kind, name)
    await put(store, kind, name, { ...fields, enabled: false }, id)
    const policy = await loadPolicy(store)
    const wiki = policy.segments[0]!
    if (gives === 'no segment') assert.equal(wiki.enabled, false)
    else assert.deepEqual(policy.connectorGroupsOf(wiki), [], name)
  }
})

test('a failover group is behind the segment, and takes over only when the others have nobody', async () => {
  await using store = await withWiki()
  await put(store, 'connector-group', 'dc2', {})
  const { id } = await store.objects.get('server-group', 'web')
  const groups = { connectorGroups: ['dc1'], failoverConnectorGroups: ['dc2', 'dc1'] }
  await put(store, 'server-group', 'web', groups, id)
  const [dc1, dc2] = await Promise.all(
    ['dc1', 'dc2'].map((name) => store.objects.get('connector-group', name)),
  )
  const policy = await loadPolicy(store)
  const wiki = policy.segments[0]!
  assert.deepEqual(policy.connectorGroupsOf(wiki), [dc1!.id, dc2!.id])
  assert.deepEqual(policy.failoverGroupsOf(wiki), [dc2!.id], 'who serves anyhow does not wait')

  const member = (group: string, state: CandidateState): Candidate => ({
    ...{ id: group, name: group, group, state, sessions: 0 },
  })
  const chosen = (first: CandidateState) =>
    choose(policy, wiki, () => [member(dc1!.id, first), member(dc2!.id, 'healthy')]).chosen.id
  assert.equal(chosen('healthy'), dc1!.id)
  assert.equal(chosen('disconnected'), dc2!.id)
})

test('servers that are listed are the only addresses; none of them enabled is nowhere, not anywhere', async () => {
  await using store = await withWiki()
  assert.deepEqual((await loadPolicy(store)).segments[0]!.addressCidrs, ['10.0.0.0/8'])
  const server = await put(store, 'server', 'srv1', { address: '10.1.2.3' })
  const { id } = await store.objects.get('server-group', 'web')
  await put(
    store,
    'server-group',
    'web',
    { connectorGroups: ['dc1'], dynamicDiscovery: false, servers: ['srv1'] },
    id,
  )
  assert.deepEqual((await loadPolicy(store)).segments[0]!.addressCidrs, ['10.1.2.3/32'])
  await put(store, 'server', 'srv1', { address: '10.1.2.3', enabled: false }, server.id)
  const policy = await loadPolicy(store)
  assert.deepEqual(policy.connectorGroupsOf(policy.segments[0]!), [])
})

test('a cached policy is read again only after a change, and never older than what was seen', async () => {
  await using store = await withWiki()
  const policy = cachedPolicy(store, silentLog)
  const first = await policy()
  assert.equal(await policy(), first)
  await put(store, 'segment', 'more', { domains: ['more.example'], tcp: ['80'] })
  const [a, b] = await Promise.all([policy(), policy()])
  assert.equal(a.segments.length, 2)
  assert.equal(a, b)
  assert.equal(a.version, await store.policyVersion())
})

test('whoever changes policy is answered when the new one decides; until then the one before is in effect', async () => {
  await using store = await withWiki()
  const { promise: go, resolve: goOn } = Promise.withResolvers<void>()
  let held: Promise<void> | undefined
  const slow = Object.create(store, {
    reading: {
      value: async (work: Parameters<Store['reading']>[0]) => {
        await held
        return store.reading(work)
      },
    },
  }) as Store
  const policy = cachedPolicy(slow, silentLog)
  const first = await policy()
  held = go
  const durable = new Promise<void>((seen) => store.bus.subscribe('policy', () => seen()))
  let answered = false
  const changed = put(store, 'segment', 'more', { domains: ['more.example'], tcp: ['80'] }).then(() => {
    answered = true
  })
  await durable
  assert.equal(await policy.inEffect(), first)
  assert.equal(await store.transaction((tx) => policy.inEffect(tx)), first)
  assert.equal((await store.transaction((tx) => policy(tx))).segments.length, 2)
  assert.equal(answered, false)
  goOn()
  await changed
  assert.equal((await policy.inEffect()).segments.length, 2)
  assert.equal(policy.latest(), await policy())
})

test('a reading that fails as a whole does not take the place of the policy that decides; a store that fails is told', async () => {
  await using store = await withWiki()
  const errors: string[] = []
  const log = { ...silentLog, error: (fields: { event: string }) => void errors.push(fields.event) }
  let broken: Error | undefined
  const failing = {
    policyVersion: () => store.policyVersion(),
    takenUp: () => {},
    reading: (work: Parameters<Store['reading']>[0]) =>
      broken === undefined ? store.reading(work) : Promise.reject(broken),
  }
  const policy = cachedPolicy(failing as unknown as Store, log as typeof silentLog)
  const first = await policy()
  await put(store, 'segment', 'more', { domains: ['more.example'], tcp: ['80'] })
  broken = new TypeError('a defect in reading')
  assert.equal(await policy(), first)
  assert.equal(await policy(), first)
  assert.deepEqual(errors, ['policy.kept'], 'it is not tried, and said, with every question')
  await put(store, 'segment', 'third', { domains: ['third.example'], tcp: ['80'] })
  broken = new Fault('STORE_FAILED', 'disk I/O error')
  await assert.rejects(policy(), { code: 'STORE_FAILED' })
  await assert.rejects(policy.inEffect(), { code: 'STORE_FAILED' }, 'none is being made')
  broken = undefined
  assert.equal((await policy()).segments.length, 3)
})
