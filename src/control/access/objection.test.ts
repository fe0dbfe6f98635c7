import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IssuedGrant } from '../../store/revocations.ts'
import { openStore } from '../../store/store.ts'
import { enrolDevice, enrolledConnector, put } from '../agents/control.fixture.ts'
import { loadPolicy } from '../base/policy-now.ts'
import { objection } from './objection.ts'

/** Ada's grant for wiki.internal:443 through dc1. */
async function world() {
  const store = await openStore({ file: ':memory:' })
  const [dc1, dc2] = [await put(store, 'connector-group', 'dc1'), await put(store, 'connector-group', 'dc2')]
  const web = await put(store, 'server-group', 'web', { connectorGroups: ['dc1'] })
  const ada = await put(store, 'user', 'ada')
  const eve = await put(store, 'user', 'eve')
  const fields = {
    domains: ['wiki.internal'],
    tcp: ['443'],
    serverGroups: ['web'],
    addressCidrs: ['10.1.0.0/16'],
  }
  const wiki = await put(store, 'segment', 'wiki', fields)
  const rule = await put(store, 'access-rule', 'r', {
    order: 10,
    action: 'allow',
    conditions: { users: ['ada'] },
  })
  const connector = await enrolledConnector(store, dc1.id, 'web1')
  const laptop = await enrolDevice(store, ada.id, 'laptop')
  const grant: IssuedGrant = {
    ...{ id: 'grt_1', connectorId: connector.id, deviceId: laptop.id, userId: ada.id },
    ...{ segmentId: wiki.id, ruleId: rule.id, host: 'wiki.internal', expiresMs: Date.now() + 60_000 },
    ...{ ports: { tcp: [[443, 443]], udp: [] }, networks: ['10.1.0.0/16'] },
  }
  const ask = async (over: Partial<IssuedGrant> = {}, nowMs = Date.now()) => {
    const policy = await loadPolicy(store)
    const device = (await store.devices.holders([laptop.id])).get(laptop.id)
    return objection(policy, { ...grant, ...over }, { device, nowMs })
  }
  const segment = (more: object) => put(store, 'segment', 'wiki', { ...fields, ...more }, wiki.id)
  const allow = (more: object) =>
    put(store, 'access-rule', 'r', { order: 10, action: 'allow', ...more }, rule.id)
  return {
    ...{ store, dc1, dc2, web, ada, eve, wiki, rule, connector, laptop, ask, segment, allow },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

type World = Awaited<ReturnType<typeof world>>

const TAKEN: { name: string; change: (w: World) => Promise<unknown>; why: RegExp; told?: RegExp }[] = [
  {
    name: 'its device is disabled',
    ...{
      change: ({ store, laptop }) => store.devices.update(laptop.id, { enabled: false }),
      why: /is disabled or deleted/,
    },
  },
  {
    name: 'its device is signed out',
    ...{
      change: ({ store, laptop }) => store.signIns.end({ deviceId: laptop.id }),
      why: /sign-in .* has ended/,
    },
  },
  {
    name: 'its device has another user',
    ...{
      change: ({ store, laptop, eve }) => store.devices.update(laptop.id, { userId: eve.id }),
      why: /another user/,
    },
  },
  {
    name: 'its user is disabled',
    ...{
      change: ({ store, ada }) => put(store, 'user', 'ada', { enabled: false }, ada.id),
      why: /sign-in .* has ended/,
    },
  },
  {
    name: 'its rule is for somebody else now',
    ...{ change: ({ allow }) => allow({ conditions: { users: ['eve'] } }), why: /^POLICY_DENIED/ },
    told: /^POLICY_DENIED/,
  },
  {
    name: 'another rule denies it first',
    ...{
      change: ({ store }) => put(store, 'access-rule', 'no', { order: 1, action: 'deny' }),
      why: /^POLICY_DENIED/,
    },
  },
  {
    name: 'its segment is disabled',
    ...{
      change: ({ segment }) => segment({ enabled: false }),
      why: /its segment is disabled/,
      told: /its segment is disabled/,
    },
  },
  {
    name: 'its segment has another host',
    change: ({ segment }) => segment({ domains: ['git.internal'] }),
    why: /no segment covers wiki.internal any more/,
  },
  {
    name: 'its segment has another port',
    change: ({ segment }) => segment({ tcp: ['8443'] }),
    why: /^CLIENT_WRONG_PORT/,
  },
  {
    name: 'its segment covers fewer networks',
    change: ({ segment }) => segment({ addressCidrs: ['10.1.2.0/24'] }),
    why: /fewer networks/,
  },
  {
    name: 'its segment is served from elsewhere',
    change: ({ store, web }) => put(store, 'server-group', 'web', { connectorGroups: ['dc2'] }, web.id),
    why: /connector no longer serves/,
  },
  {
    name: 'its connector moved',
    ...{
      change: ({ store, connector, dc2 }) => store.connectors.update(connector.id, { groupId: dc2.id }),
      why: /no longer serves/,
    },
  },
  {
    name: 'its connector is disabled',
    ...{
      change: ({ store, connector }) => store.connectors.update(connector.id, { enabled: false }),
      why: /no longer serves/,
    },
  },
]
for (const { name, change, why, told } of TAKEN) {
  test(`a grant ends when ${name}, and the reason is said`, async () => {
    await using w = await world()
    assert.equal(await w.ask(), undefined)
    await change(w)
    const objected = await w.ask()
    assert.match(objected!.why, why)
    if (told !== undefined) assert.match(objected!.told, told)
  })
}

const KEPT: { name: string; change: (w: World) => Promise<unknown> }[] = [
  {
    name: 'its segment gets more ports, hosts and networks',
    change: ({ segment }) =>
      segment({ domains: ['wiki.internal', 'w.internal'], tcp: ['443', '80'], addressCidrs: ['10.0.0.0/8'] }),
  },
  {
    name: 'its rule is renamed and moved',
    change: ({ allow }) => allow({ order: 99, conditions: { users: ['ada'] } }),
  },
  {
    name: 'its rule is deleted, and another gives the same',
    async change({ store }) {
      await put(store, 'access-rule', 'all', { order: 5, action: 'allow' })
      await store.objects.delete('access-rule', 'r')
    },
  },
  {
    name: 'a group is added behind its segment',
    change: ({ store, web }) =>
      put(store, 'server-group', 'web', { connectorGroups: ['dc1', 'dc2'] }, web.id),
  },
  {
    name: 'a rule denies somebody else',
    change: ({ store }) =>
      put(store, 'access-rule', 'no', { order: 1, action: 'deny', conditions: { users: ['eve'] } }),
  },
]
for (const { name, change } of KEPT) {
  test(`a grant stays when ${name}`, async () => {
    await using w = await world()
    await change(w)
    assert.equal(await w.ask(), undefined)
  })
}

test('a user is told less of other segments than an admin reads', async () => {
  await using w = await world()
  await put(w.store, 'segment', 'secret', { domains: ['wiki.internal'], tcp: ['443'], serverGroups: ['web'] })
  await w.segment({ domains: ['git.internal'] })
  await w.allow({ conditions: { users: ['ada'], segments: ['wiki'] } })
  const { why, told } = (await w.ask())!
  assert.match(why, /^POLICY_DENIED/)
  assert.equal(told.includes('secret'), false)
})

test('a grant of an older version without ports, and one for a sign-in that ended by itself, end', async () => {
  await using w = await world()
  assert.match((await w.ask({ ports: undefined }))!.why, /did not record its ports/)
  assert.match((await w.ask({}, Date.now() + 86_400_000))!.why, /sign-in .* has ended/)
  assert.equal(await w.ask({ networks: undefined }), undefined)
})

test('a grant of several ports ends when its segment no longer lists one of them', async () => {
  await using w = await world()
  await w.segment({ tcp: ['8000-8010'] })
  const range = (from: number, to: number) => ({ ports: { tcp: [[from, to]] as const, udp: [] } })
  assert.equal(await w.ask(range(8000, 8010)), undefined)
  assert.match((await w.ask(range(8000, 8011)))!.why, /no longer lists some of its ports/)
})
