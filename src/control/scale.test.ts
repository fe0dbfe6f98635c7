/**
 * A thousand of everything: no step of the control plane holds its thread longer than the budget. BACKSTITCH_SCALE=10000
 * runs the same with ten thousand.
 */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { newId } from '../base/ids.ts'
import { withinLoopBudget } from '../base/loop-watch.fixture.ts'
import { atOnce, inSlices } from '../base/slices.ts'
import { RuleIndex } from '../policy/rule-index.ts'
import type { IssuedGrant } from '../store/revocations.ts'
import { reevaluate } from './access/reevaluate.ts'
import {
  connected,
  enrolDevice,
  enrolledConnector,
  type OpenedControl,
  openControl,
  put,
} from './agents/control.fixture.ts'
import { agentHandlers } from './agents/handlers.ts'
import { lanesOf } from './agents/lanes.ts'
import { execute } from './apply/execute.ts'
import { planNow } from './apply/planned.ts'
import { prepare } from './apply/prepare.ts'
import { loadPolicy } from './base/policy-now.ts'
import { lintEverything, warningsAbout } from './lint/warnings.ts'
import { livePresence } from './rest/live-presence.ts'
import { objectPage } from './rest/object-page.ts'
import { SegmentStates } from './rest/segment-states.ts'

const MANY = Number(process.env.BACKSTITCH_SCALE ?? 1000)
const GROUPS = 20

let control: OpenedControl
const made = {
  users: [] as string[],
  segments: [] as string[],
  rules: [] as string[],
  connectors: [] as string[],
  devices: [] as string[],
}

before(async () => {
  control = await openControl()
  await control.store.transaction(async (tx) => {
    const groups: string[] = []
    for (let n = 0; n < GROUPS; n++) {
      groups.push((await put(tx, 'connector-group', `g${n}`)).id)
      await put(tx, 'server-group', `sg${n}`, { connectorGroups: [`g${n}`] })
    }
    for (let n = 0; n < MANY; n++) {
      made.users.push((await put(tx, 'user', `user${n}`)).id)
      const at = {
        domains: [`app${n}.corp.example`, `*.app${n}.example`],
        cidrs: [`10.${n >> 8}.${n & 255}.0/24`],
      }
      made.segments.push(
        (await put(tx, 'segment', `s${n}`, { ...at, tcp: ['443'], serverGroups: [`sg${n % GROUPS}`] })).id,
      )
      const conditions = { segments: [`s${n}`], users: [`user${n}`] }
      made.rules.push(
        (await put(tx, 'access-rule', `r${n}`, { order: n + 1, action: 'allow', conditions })).id,
      )
      made.devices.push((await enrolDevice(tx, made.users[n]!, `d${n}`)).id)
      made.connectors.push((await enrolledConnector(tx, groups[n % GROUPS]!, `c${n}`)).id)
    }
    await put(tx, 'internet-rule', 'out', { domains: ['*.example.net', '*.app1.example'] })
  })
  for (const id of made.connectors) control.parts.presence.addConnector(connected('connector', id))
})

const lintDeps = () => ({ clock: control.parts.clock, presence: { connector: () => undefined } })

test('the policy is read after a change', async () => {
  const policy = await withinLoopBudget(() => loadPolicy(control.store))
  assert.equal(policy.segments.length, MANY)
  const lanes = await withinLoopBudget(() => inSlices(lanesOf(policy)))
  assert.equal(lanes?.bypass.length, 2)
})

test('lint looks at everything, and at what was written', async () => {
  await withinLoopBudget(() => control.store.transaction((tx) => lintEverything(tx, lintDeps())))
  const about = [made.rules[0]!]
  await withinLoopBudget(() => control.store.transaction((tx) => warningsAbout(tx, lintDeps(), about)))
})

test('lint reads all devices that rules name', async () => {
  const devices = made.devices.slice(0, 1000)
  await control.store.transaction(async (tx) => {
    const rule = { order: MANY + 1, action: 'allow', conditions: { devices } }
    await put(tx, 'access-rule', 'on-devices', rule)
  })
  await withinLoopBudget(() =>
    control.store.transaction((tx) => warningsAbout(tx, lintDeps(), [made.users[0]!])),
  )
  await control.store.transaction((tx) => tx.objects.delete('access-rule', 'on-devices'))
})

test('lint of rules that are all about everything compares none with all', async () => {
  const rule = (n: number) => ({
    id: `rul_${String(n).padStart(6, '0')}`,
    name: `r${n}`,
    order: n,
    enabled: true,
  })
  const conditions = (n: number) => ({ users: [`usr_${n}`], segmentGroups: ['sgg_1'] })
  const rules = Array.from({ length: MANY }, (_, n) => ({
    ...rule(n),
    action: 'allow' as const,
    conditions: conditions(n),
  }))
  const index = atOnce(RuleIndex.of(rules))
  const asked = index.naming((list) =>
    list === 'users' ? ['usr_7'] : list === 'segmentGroups' ? ['sgg_1'] : [],
  )
  assert.deepEqual(
    asked.map(({ rule: { name } }) => name),
    ['r7'],
  )
})

test('a hundred clients are welcomed at once', async () => {
  const handlers = agentHandlers(control.parts)
  const clients = made.devices.slice(0, 100).map((id) => connected('client', id))
  const welcomes = await withinLoopBudget(() =>
    Promise.all(clients.map((client) => handlers.welcome(client))),
  )
  for (const [n, [first]] of welcomes.entries()) {
    assert.ok(first?.type === 'welcome')
    assert.deepEqual(first.covers, {
      hosts: [`app${n}.corp.example`, `*.app${n}.example`],
      cidrs: [`10.0.${n}.0/24`],
    })
  }
})

test('every connector is told what to watch', async () => {
  await withinLoopBudget(() => control.parts.probing.refresh())
})

test('all live grants are looked at, and all are ended by one rule', async () => {
  const { parts, store } = control
  const expiresMs = Date.now() + 600_000
  await store.transaction(async (tx) => {
    for (let n = 0; n < MANY; n++) {
      const grant: IssuedGrant = {
        ...{ id: newId('grt'), connectorId: made.connectors[n]!, deviceId: made.devices[n]! },
        ...{ userId: made.users[n]!, segmentId: made.segments[n]!, ruleId: made.rules[n]! },
        ...{ host: `app${n}.corp.example`, expiresMs, ports: { tcp: [[443, 443]], udp: [] } },
      }
      await tx.revocations.issued(grant)
      parts.live.add(grant)
    }
  })
  await withinLoopBudget(() => reevaluate(parts))
  assert.equal([...parts.live.at(Date.now())].length, MANY)
  const { id } = await put(store, 'access-rule', 'nobody', { order: 0, action: 'deny' })
  await withinLoopBudget(() => reevaluate(parts))
  assert.equal([...parts.live.at(Date.now())].length, 0)
  await store.objects.delete('access-rule', id)
})

test('the health of a page of segments, each of them told of by a connector', async () => {
  const { parts, store } = control
  const nowMs = parts.clock.nowMs()
  for (const [n, id] of made.connectors.entries()) {
    const segment = made.segments[n]!
    const at = { segment, host: `app${n}.corp.example`, port: 443, connector: id, atMs: nowMs }
    parts.presence.applications.tell({ ...at, ok: true, probe: true })
  }
  const policy = await parts.policy()
  const { vitals } = livePresence(parts)
  const page = await withinLoopBudget(() => {
    const states = new SegmentStates(policy, vitals)
    return made.segments.slice(0, 200).map((id) => states.of(id)?.state)
  })
  assert.deepEqual(new Set(page), new Set(['healthy']))
  assert.equal(
    (
      await objectPage({ store, presence: livePresence(parts), policy: parts.policy }, 'segment', {
        limit: 200,
      })
    ).texts.length,
    200,
  )
})

test('a list of rules that each name a thousand people', async () => {
  const users = made.users.slice(0, 1000)
  await control.store.transaction(async (tx) => {
    for (let n = 0; n < 50; n++) {
      await put(tx, 'access-rule', `aaa${n}`, {
        order: n,
        action: 'allow',
        conditions: { users, segments: ['s0'] },
      })
    }
  })
  const presence = { edge: () => 'away' } as never
  const deps = { store: control.store, presence, policy: () => loadPolicy(control.store) }
  const page = await withinLoopBudget(() => objectPage(deps, 'access-rule', { limit: 1000 }))
  assert.ok(page.texts.length > 1 && page.texts.join().length < 1_200_000)
  const seen = [...page.texts]
  for (let next = page.next; next !== undefined; ) {
    const more = await objectPage(deps, 'access-rule', { limit: 1000, cursor: next })
    seen.push(...more.texts)
    next = more.next
  }
  assert.equal(new Set(seen.map((text) => JSON.parse(text).name)).size, MANY + 50, 'each once over all pages')
})

test('a rule that names a thousand people who are not there is refused with the first of them', async () => {
  const users = Array.from({ length: 1000 }, (_, n) => `given.family${n}@other.example.org`)
  const rule = { order: 1, action: 'allow', conditions: { users } }
  const wrong = () => put(control.store, 'access-rule', 'wrong', rule)
  await withinLoopBudget(() => assert.rejects(wrong, { code: 'INVALID', detail: /given\.family0@/ }))
})

test('apply: a file of new segments, and the same again', async () => {
  const { store } = control
  const documents = Array.from({ length: MANY }, (_, n) => ({
    ...{ kind: 'segment', name: `new${n}`, domains: [`new${n}.example`], tcp: ['22'], serverGroups: ['sg0'] },
  }))
  const apply = async () => {
    const prepared = await prepare(store, documents)
    const planned = await store.reading((tx) => planNow(tx, prepared, false))
    const { reply, ids } = await store.transaction((tx) => execute(tx, prepared, { prune: false }, planned))
    await store.reading((tx) => warningsAbout(tx, lintDeps(), ids))
    return reply.summary
  }
  assert.equal((await withinLoopBudget(apply)).create, MANY)
  assert.equal((await withinLoopBudget(apply)).unchanged, MANY)
  await control[Symbol.asyncDispose]()
})
