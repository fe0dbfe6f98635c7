/** What is read and made of changes alone is what a look at everything gives. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS, type ObjectKind } from '../../api/kinds.ts'
import { Fault } from '../../base/faults.ts'
import { decide } from '../../policy/decide.ts'
import { openStore, type Repositories, type Store } from '../../store/store.ts'
import { enrolledConnector } from '../agents/control.fixture.ts'
import { type PolicyReading, readPolicy, readPolicyAfter } from './read-policy.ts'
import type { PolicySnapshot } from './snapshot.ts'

/** The same numbers in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

type Pick = (below: number) => number

const HOSTS = ['a.example', 'b.example', '*.example', '*.b.example', 'x.b.example']
const NETWORKS = ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '192.168.0.0/16']
const some = <T>(items: readonly T[], pick: Pick): T[] => items.filter(() => pick(2) === 0)
const enabled = (pick: Pick) => pick(5) > 0

/** What one of each kind is like; names that refer lead to one of the same few. */
const FIELDS: { readonly [K in ObjectKind]?: (pick: Pick) => object } = {
  'connector-group': (pick) => ({ enabled: enabled(pick), connectorKind: pick(6) === 0 ? 'branch' : 'app' }),
  server: (pick) => ({ address: `10.1.2.${1 + pick(9)}`, enabled: enabled(pick) }),
  'server-group': (pick) => ({
    enabled: enabled(pick),
    connectorGroups: some(['connector-group0', 'connector-group1'], pick),
    failoverConnectorGroups: some(['connector-group1', 'connector-group2'], pick),
    ...(pick(3) === 0 && { dynamicDiscovery: false, servers: ['server0'] }),
  }),
  'segment-group': (pick) => ({ enabled: enabled(pick) }),
  segment: (pick) => ({
    enabled: enabled(pick),
    domains: ['own.example', ...some(HOSTS, pick)],
    cidrs: some(NETWORKS, pick),
    tcp: ['443', ...some(['80', '8000-8100'], pick)],
    segmentGroup: pick(2) === 0 ? 'segment-group0' : undefined,
    serverGroups: some(['server-group0', 'server-group1'], pick),
  }),
  'user-group': () => ({}),
  user: (pick) => ({ enabled: enabled(pick), groups: some(['user-group0', 'user-group1'], pick) }),
  'posture-fact': () => ({ valueType: 'boolean' }),
  'access-rule': (pick) => ({
    order: pick(6),
    enabled: enabled(pick),
    action: pick(3) === 0 ? 'deny' : 'allow',
    conditions: {
      ...(pick(2) === 0 && { userGroups: ['user-group0'] }),
      ...(pick(3) === 0 && { users: ['user0', 'user1'] }),
      ...(pick(2) === 0 && { segments: ['segment0', 'segment2'] }),
      ...(pick(4) === 0 && { segmentGroups: ['segment-group0'] }),
      ...(pick(4) === 0 && { posture: [{ fact: 'posture-fact0', equals: true }] }),
    },
  }),
  'internet-rule': (pick) => ({ enabled: enabled(pick), domains: ['out.example', ...some(HOSTS, pick)] }),
}
const KINDS = Object.keys(FIELDS) as ObjectKind[]
const OF_KIND = 3

async function put(tx: Repositories, kind: ObjectKind, name: string, pick: Pick, id?: string) {
  const spec = OBJECT_KINDS[kind].spec.parse(FIELDS[kind]!(pick))
  return tx.objects.put({ kind, name, id, spec })
}

/** One change as somebody may make it: write, make, rename, delete, move a connector. What is refused changes nothing. */
async function change(tx: Repositories, pick: Pick, n: number): Promise<void> {
  const kind = KINDS[pick(KINDS.length)]!
  const all = await tx.objects.all(kind)
  const one = all[pick(all.length)]
  const what = pick(10)
  try {
    if (one === undefined) await put(tx, kind, `${kind}${pick(OF_KIND)}`, pick)
    else if (what < 5) await put(tx, kind, one.name, pick, one.id)
    else if (what === 5) await put(tx, kind, `${kind}-${n}`, pick)
    else if (what === 6 && !/\d$/.test(one.name)) await put(tx, kind, `renamed${n}`, pick, one.id)
    else if (what === 7) await tx.objects.delete(kind, one.id)
    else {
      const connectors = await tx.connectors.all()
      const connector = connectors[pick(connectors.length)]
      const groups = await tx.objects.all('connector-group')
      const groupId = groups[pick(groups.length)]!.id
      if (connector === undefined || what === 9) await enrolledConnector(tx, groupId, `con${n}`)
      else if (pick(4) === 0) await tx.connectors.delete(connector.id)
      else await tx.connectors.update(connector.id, { groupId, enabled: enabled(pick), name: `con-${n}` })
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
  }
}

/** All that can be asked of a policy, as plain values. */
function told(policy: PolicySnapshot) {
  const { version, segments, internetRules, users, unreadable } = policy
  const groups = [...new Set(segments.flatMap((segment) => policy.connectorGroupsOf(segment)))]
  const decisions = [...users].flatMap(([id, user]) =>
    segments.map((segment) => {
      const device = { id: 'dev_1', posture: { 'posture-fact0': id < 'usr_5' } }
      return decide(policy.rules, {
        ...{ user: { id, groups: user.groups }, device, clientKind: 'client', segment, nowMs: 0 },
      })
    }),
  )
  const hosts = [...HOSTS.map((host) => host.replace('*', 'x')), 'own.example', '10.1.2.3', '10.9.9.9']
  return {
    ...{ version, segments, internetRules, users, unreadable, groups, decisions },
    found: hosts.flatMap((host) =>
      [443, 80].map((port) => policy.destinations.find({ host, port, protocol: 'tcp' })),
    ),
    byId: segments.map(({ id }) => [policy.destinations.byId(id), policy.rules.byId(id)]),
    reach: segments.map((one) => [policy.connectorGroupsOf(one), policy.failoverGroupsOf(one)]),
    behind: groups.map((group) => policy.segmentsBehind(group)),
    wrong: policy.wrongKinds(groups),
    members: policy.members(groups),
    connectors: policy.members(groups).map(({ id }) => policy.connector(id)),
  }
}

async function filled(pick: Pick): Promise<Store> {
  const store = await openStore({ file: ':memory:' })
  await store.transaction(async (tx) => {
    for (const kind of KINDS) for (let n = 0; n < OF_KIND; n++) await put(tx, kind, `${kind}${n}`, pick)
  })
  return store
}

for (const seed of [1, 2, 3]) {
  test(`policy that is read change by change is that of a whole reading: ${seed}`, async () => {
    const pick = numbers(seed)
    await using store = await filled(pick)
    let reading: PolicyReading | undefined
    for (let n = 0; n < 150; n++) {
      await store.transaction(async (tx) => {
        for (let more = pick(3); more >= 0; more--) await change(tx, pick, n)
      })
      if (pick(3) === 0) continue // several changes behind
      const before = reading
      reading = await store.transaction((tx) => readPolicyAfter(tx, before))
      const whole = await store.transaction(readPolicy)
      assert.deepEqual(told(reading.policy), told(whole), `after change ${n}`)
    }
  })
}

test('what a transaction did that came to nothing is in no policy, and hides nothing that comes behind', async () => {
  await using store = await filled(numbers(4))
  const first = await store.transaction((tx) => readPolicyAfter(tx))
  const undone = store.transaction(async (tx) => {
    await tx.objects.delete('internet-rule', 'internet-rule0')
    throw new Fault('CONFLICT', 'undone')
  })
  await assert.rejects(undone, { code: 'CONFLICT' })
  await store.objects.delete('internet-rule', 'internet-rule1')
  const then = await store.transaction((tx) => readPolicyAfter(tx, first))
  assert.deepEqual(told(then.policy), told(await store.transaction(readPolicy)))
  assert.equal(then.objects.kinds['internet-rule'].objects.length, OF_KIND - 1)
})

test('one write reads one object: the rest is the very same', async () => {
  await using store = await filled(numbers(5))
  const before = await store.transaction((tx) => readPolicyAfter(tx))
  const segment = await store.objects.get('segment', 'segment1')
  const spec = { ...segment.spec, tcp: ['22'] }
  await store.objects.put({ kind: 'segment', id: segment.id, name: 'segment1', spec })
  const after = await store.transaction((tx) => readPolicyAfter(tx, before))
  const kept = after.policy.segments.map((one, at) => one === before.policy.segments[at])
  assert.deepEqual(kept, [true, false, true])
  assert.equal(after.policy.rules, before.policy.rules)
  assert.equal(after.policy.users, before.policy.users)
})
