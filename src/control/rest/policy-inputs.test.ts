/**
 * Every input of a yes: what policy, selection, enrolment and the choice of an edge read, who brings it about, and what
 * that takes. A field that is read and has no row here fails the test; so does a row that nothing reads.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS, type ObjectKind } from '../../api/kinds.ts'
import { may, ROLES } from '../../api/roles.ts'
import type { Repositories, Store } from '../../store/store.ts'
import { choose, permit } from '../access/authorize.ts'
import { candidatesOf } from '../access/candidates.ts'
import { objection } from '../access/objection.ts'
import { connected, enrolDevice, enrolledConnector, openControl, put } from '../agents/control.fixture.ts'
import { readPolicy } from '../base/read-policy.ts'
import { Edges } from '../presence/edges.ts'
import {
  ASKED,
  CANDIDATE,
  CONDITIONS,
  EDGE_CANDIDATE,
  KEY,
  REQUEST,
  SNAPSHOT,
  STORED,
  WRITABLE,
  WRITES,
} from './policy-inputs.fixture.ts'
import { openWorld } from './rights.fixture.ts'

/** Notes each field of a record that is read, as `kind.field`. */
function watched<Record extends object>(record: Record, kind: string, seen: Set<string>): Record {
  return new Proxy(record, {
    get(target, field, self) {
      // `then` is asked by whoever awaits it.
      if (typeof field === 'string' && field !== 'then') seen.add(`${kind}.${field}`)
      return Reflect.get(target, field, self)
    },
    // Whoever asks for the keys may read them all.
    ownKeys: () => assert.fail(`${kind} is read as a whole`),
  })
}

/** The store as whoever decides reads it. What an object is called and which it is says nothing: both are kept out. */
function watchedStore(store: Repositories, seen: Set<string>) {
  const objects = {
    async all(kind: ObjectKind) {
      const found = await store.objects.all(kind)
      return found.map((stored) => ({ ...stored, spec: watched(stored.spec, kind, seen) }))
    },
  }
  return {
    objects,
    policyVersion: () => store.policyVersion(),
    ...{ changes: store.changes, changed: store.changed },
    connectors: {
      all: async () => (await store.connectors.all()).map((one) => watched(one, 'connector', seen)),
    },
    edges: {
      byId: async (id: string) => {
        const found = await store.edges.byId(id)
        return found && watched(found, 'edge-identity', seen)
      },
    },
    devices: { byId: async (id: string) => watched((await store.devices.byId(id))!, 'device', seen) },
  }
}

test('each field that is read on the way to a yes has a row that says what it takes to write it', async () => {
  await using control = await openControl()
  const { store, parts } = control
  const who = await everything(store)
  const seen = new Set<string>()
  const watching = watchedStore(store, seen)
  const tx = watching as unknown as Repositories

  const policy = await readPolicy(tx)
  const device = await watching.devices.byId(who.device)
  if (!device.enabled) assert.fail('as it is asked by whoever authorizes')
  const asked = { user: device.userId, device: device.id, posture: device.posture, clientKind: 'client' }
  const nowMs = Date.now()
  const to = { host: 'wiki.internal', port: 443, protocol: 'tcp' } as const
  const { segment, rule } = permit(policy, { ...asked, ...to, nowMs })
  const connector = connected('connector', who.connector)
  parts.presence.addConnector(connector)
  const { chosen } = choose(policy, segment, (groups) =>
    candidatesOf(policy, parts.presence, groups, { client: connected('client', who.device), to, nowMs }),
  )
  const of = { connectorId: chosen.id, deviceId: device.id, userId: device.userId, segmentId: segment.id }
  const ports = { tcp: [[443, 443]], udp: [] } as const
  const grant = { id: 'grt_1', ...of, ruleId: rule.id, host: to.host, expiresMs: nowMs + 1000, ports }
  assert.equal(objection(policy, grant as never, { device, nowMs }), undefined)
  const edges = new Edges({ store: tx as unknown as Store, presence: parts.presence, home: parts.home })
  await edges.refresh()
  edges.choose(connected('client', who.device), connector)

  assert.deepEqual([...seen].sort(), Object.keys(STORED).sort())
})

test('what configure writes takes configure, by the document of the API', async () => {
  await using world = await openWorld()
  const { paths } = (await world.rest.ask('GET', '/api/v1/openapi.json', { token: '' })).body
  const kinds = new Set(Object.keys(STORED).map((field) => field.split('.')[0]!))
  for (const kind of kinds) {
    if (!Object.hasOwn(OBJECT_KINDS, kind)) continue
    const path = `/api/v1/${OBJECT_KINDS[kind as ObjectKind].plural}`
    for (const at of [path, `${path}/{id}`]) {
      for (const [method, { description }] of Object.entries(
        paths[at] as Record<string, { description: string }>,
      )) {
        if (method !== 'get')
          assert.equal(description, 'Requires the permission `configure`.', `${method} ${at}`)
      }
    }
  }
  assert.equal(paths['/api/v1/apply'].post.description, 'Requires the permission `configure`.')
})

test('a record is changed only by whoever may configure, but for what takes away', async (t) => {
  const fields = Object.entries(WRITABLE).flatMap(([kind, shape]) =>
    Object.keys(shape).map((field) => `${kind}.${field}`),
  )
  assert.deepEqual(
    [...new Set(fields)].sort(),
    Object.keys(WRITES).sort(),
    'a field that can be written has no row',
  )
  await using world = await openWorld()
  const tokens = new Map(
    await Promise.all(ROLES.map(async (role) => [role, await world.rest.token(role)] as const)),
  )
  for (const [field, writes] of Object.entries(WRITES)) {
    for (const { input, path, method = 'PATCH', body } of writes) {
      await t.test(`${field} ${JSON.stringify(body)}`, async () => {
        assert.match(String(input), /^configure/)
        for (const role of ROLES.toReversed()) {
          const ask = { token: tokens.get(role)!, body, headers: { 'if-match': '*' } }
          const { status, text } = await world.rest.ask(method, `/api/v1/${path}`, ask)
          if (may(role, 'configure')) assert.ok(status < 300 || status === 404 || status === 409, text)
          else assert.equal(status, 403, `${role}: ${text}`)
        }
      })
    }
  }
})

test('an assigned fact wins over what the device says of itself, now and when it signed in', async () => {
  await using world = await openWorld()
  const device = await world.rest.store.devices.get('byod')
  const reaches = async () => (await world.yeses()).has(`${device.id} reaches payroll.internal`)
  const assign = (assignedPosture: object) =>
    world.rest.ask('PATCH', `/api/v1/client-devices/${device.id}`, {
      body: { assignedPosture },
      headers: { 'if-match': '*' },
    })
  await world.rest.store.devices.update(device.id, { reportedPosture: { managed: true } })
  assert.equal(await reaches(), false, 'it says managed = true, and false is assigned')
  await assign({})
  assert.equal(await reaches(), true, 'nothing is assigned: the claim counts')
  await assign({ managed: false })
  assert.equal(await reaches(), false)
})

// Types hold the tables to what they list; here they are held to say something.
for (const [name, table] of Object.entries({
  ASKED,
  REQUEST,
  CONDITIONS,
  CANDIDATE,
  EDGE_CANDIDATE,
  SNAPSHOT,
  KEY,
})) {
  test(`${name}: whatever is no claim is written by configure, identity or the control plane itself`, () => {
    for (const [field, input] of Object.entries(table)) {
      if (typeof input === 'object') assert.notEqual(input.gains, '', field)
      else assert.match(input, /^(?:configure|identity|control)/, field)
    }
  })
}

/** One of everything, so that every field is looked at. */
async function everything(store: Store): Promise<{ device: string; connector: string }> {
  const group = await put(store, 'connector-group', 'dc1')
  await put(store, 'connector-group', 'spare')
  await put(store, 'server', 'srv1', { address: '10.0.0.5' })
  const groups = { connectorGroups: ['dc1'], failoverConnectorGroups: ['spare'] }
  await put(store, 'server-group', 'listed', { ...groups, dynamicDiscovery: false, servers: ['srv1'] })
  await put(store, 'segment-group', 'office')
  const names = { domains: ['wiki.internal'], cidrs: ['10.0.0.0/8'], addressCidrs: ['10.0.0.0/8'] }
  const at = { tcp: ['443'], udp: ['53'], serverGroups: ['listed'], segmentGroup: 'office' }
  await put(store, 'segment', 'wiki', { ...names, ...at })
  await put(store, 'user-group', 'staff')
  const ada = await put(store, 'user', 'ada', { groups: ['staff'] })
  await put(store, 'posture-fact', 'managed', { valueType: 'boolean' })
  await put(store, 'access-rule', 'staff', {
    order: 1,
    action: 'allow',
    conditions: { userGroups: ['staff'] },
  })
  await put(store, 'internet-rule', 'saas', { domains: ['*.saas.example'] })
  const edge = await put(store, 'edge', 'fra', { host: 'fra.example', port: 443 })
  const host = { name: 'fra', platform: 'linux', program: 'test' }
  const certificate = { thumbprint: 'ab', serial: '01', notAfterMs: Date.now() + 60_000, generation: 1 }
  await store.edges.put({ id: edge.id, publicKeyHash: 'cd', ...certificate, host, lastAddress: '192.0.2.1' })
  return {
    device: (await enrolDevice(store, ada.id, 'laptop')).id,
    connector: (await enrolledConnector(store, group.id, 'one')).id,
  }
}
