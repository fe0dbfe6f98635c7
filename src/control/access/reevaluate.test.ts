import assert from 'node:assert/strict'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import type { Repositories } from '../../store/store.ts'
import type { AgentMessage } from '../../wire/control.ts'
import { Clients } from '../agents/clients.ts'
import {
  connected,
  enrolDevice,
  enrolledConnector,
  type FakeAgent,
  openControl,
  put,
} from '../agents/control.fixture.ts'
import { agentHandlers } from '../agents/handlers.ts'
import { lintEverything } from '../lint/warnings.ts'
import { reevaluate } from './reevaluate.ts'

/** One user on one device, one connector, one rule that allows everybody everything. */
async function world({ clock = systemClock }: { clock?: Clock } = {}) {
  const control = await openControl({ clock })
  const { store, parts } = control
  const group = await put(store, 'connector-group', 'dc1')
  await put(store, 'server-group', 'web', { connectorGroups: ['dc1'] })
  const rule = await put(store, 'access-rule', 'all', { order: 1000, action: 'allow' })
  const user = await put(store, 'user', 'alice')
  const connector = connected('connector', (await enrolledConnector(store, group.id, 'con')).id)
  const client = connected('client', (await enrolDevice(store, user.id, 'laptop')).id)
  parts.presence.addConnector(connector)
  parts.presence.addClient(client)
  const clients = new Clients(parts)
  const segment = (name: string, fields: object, id?: string) => {
    const spec = { domains: ['app.example'], serverGroups: ['web'], ...fields }
    return put(store, 'segment', name, spec, id)
  }
  /** Segment that let us in, or the code of the refusal as it was kept: the user hears less. */
  const ask = async (port: number, protocol: 'tcp' | 'udp' = 'tcp', host = 'app.example') => {
    const id = newId('req')
    const asked = {
      type: 'authorize',
      id,
      host,
      port,
      protocol,
      wantPipe: false,
    } as const
    const answer = await clients.authorize(client, asked)
    if (answer.type === 'granted') return answer.segmentName
    if (answer.type !== 'denied') return answer.type
    return (await store.denials.get(answer.denial!))?.fault.code
  }
  /** Why sessions were cut, after one more look. */
  const cut = async () => {
    connector.sent.length = 0
    await reevaluate(parts)
    return connector.sent.flatMap((message) => (message.type === 'revoke' ? [message.detail] : []))
  }
  return {
    ...{ control, store, parts, group, rule, user, connector, client, clients, segment, ask, cut },
    [Symbol.asyncDispose]: () => control[Symbol.asyncDispose](),
  }
}

test('a permission that is taken away while a connector is waited for is not given', async () => {
  await using w = await world()
  await w.segment('web', { tcp: ['443'] })
  assert.equal(await w.ask(443), 'web')
  w.parts.presence.remove(w.connector) // It comes back in a moment: whoever asks waits for it.
  const answer = w.ask(443)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  await put(w.store, 'access-rule', 'none', { order: 1, action: 'deny' })
  await reevaluate(w.parts)
  w.parts.presence.addConnector(w.connector)
  assert.equal(await answer, 'POLICY_DENIED')
  assert.deepEqual(await w.cut(), [], 'nothing that was given is left to be taken')
  assert.deepEqual(await w.store.revocations.live(Date.now()), [], 'nor is anything kept as given')
})

test('a time that is over while a connector is waited for is over', async () => {
  const DAY_MS = 86_400_000
  let nowMs = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2 + 59_999
  await using w = await world({ clock: { ...systemClock, nowMs: () => nowMs } })
  await w.segment('web', { tcp: ['443'] })
  const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
  const time = { days, from: '12:01', to: '24:00', zone: 'UTC' }
  await put(w.store, 'access-rule', 'morning', { order: 1, action: 'deny', conditions: { time } })
  assert.equal(await w.ask(443), 'web')
  w.parts.presence.remove(w.connector)
  const answer = w.ask(443)
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  nowMs += 1
  w.parts.presence.addConnector(w.connector)
  assert.equal(await answer, 'POLICY_DENIED')
})

test('what is given while grants are looked at is not taken back by the policy of before', async () => {
  await using w = await world()
  await w.segment('web', { tcp: ['443'] })
  const deny = await put(w.store, 'access-rule', 'none', { order: 1, action: 'deny' })
  const before = await w.parts.policy()
  await w.store.objects.delete('access-rule', deny.id)
  assert.equal(await w.ask(443), 'web')
  // As a look that began before, and comes to this grant only now.
  const late = async (tx?: Repositories) => (tx === undefined ? before : w.parts.policy(tx))
  await reevaluate({ ...w.parts, policy: Object.assign(late, w.parts.policy) })
  assert.ok(!w.connector.sent.some(({ type }) => type === 'revoke'))
  assert.equal([...w.parts.live.at(Date.now())].length, 1)
})

test('where a revocation cannot be kept, sessions are cut all the same, and it is tried again', async () => {
  await using w = await world()
  await w.segment('web', { tcp: ['443'] })
  assert.equal(await w.ask(443), 'web')
  await put(w.store, 'access-rule', 'none', { order: 1, action: 'deny' })
  const full = Object.create(w.store, {
    transaction: { value: () => Promise.reject(new Fault('DISK_FULL', 'no space')) },
  })
  await assert.rejects(reevaluate({ ...w.parts, store: full }), { code: 'DISK_FULL' })
  assert.equal(w.connector.sent.filter(({ type }) => type === 'revoke').length, 1)
  assert.deepEqual(await w.cut(), ['POLICY_DENIED: rule "none" denies web'])
  assert.deepEqual(await w.store.revocations.live(Date.now()), [])
})

test('whoever asks while policy changes all the time is answered', async () => {
  await using w = await world()
  const { id } = await w.segment('web', { tcp: ['443'] })
  let changes = 0
  let going = true
  const changing = (async () => {
    for (; going; changes++) {
      await w.segment('web', { tcp: ['443'], description: String(changes) }, id)
    }
  })()
  const answers = await Promise.all(Array.from({ length: 40 }, () => w.ask(443)))
  going = false
  await changing
  assert.deepEqual(new Set(answers), new Set(['web']))
  assert.ok(changes > 1)
})

test('no pipe is given over a grant that policy would not give any more, nor to a connector that was disabled', async () => {
  await using w = await world()
  await w.segment('web', { tcp: ['443'] })
  const connector = w.connector.peer.identity.id
  const pipe = () =>
    w.clients.wantPipe(w.client, { type: 'want-pipe', id: 'req_1', connector, session: newId('ses') })
  const canary = () => agentHandlers(w.parts).handle(w.connector, { type: 'canary', id: 'req_2' })
  await assert.rejects(pipe(), { code: 'GRANT_EXPIRED' })
  assert.equal(await w.ask(443), 'web')
  assert.equal((await pipe()).type, 'pipe')
  assert.equal((await canary())?.type, 'canary-pipe')
  const deny = await put(w.store, 'access-rule', 'none', { order: 1, action: 'deny' })
  w.connector.sent.length = 0
  await assert.rejects(pipe(), { code: 'GRANT_EXPIRED' })
  assert.deepEqual(w.connector.sent, [], 'and the connector is not told to come')
  await w.store.objects.delete('access-rule', deny.id)
  assert.equal((await pipe()).type, 'pipe')
  await w.store.connectors.update(connector, { enabled: false })
  await assert.rejects(pipe(), { code: 'GRANT_EXPIRED' })
  await assert.rejects(canary(), { code: 'IDENTITY_REVOKED' })
})

test('what policy gives it does not take back at the next look', async (t) => {
  const next = () => new Promise<void>((resolve) => setTimeout(resolve, 2)) // Of two segments the older decides.
  await t.test('the port of another segment of the same name', async () => {
    await using w = await world()
    await w.segment('web', { tcp: ['443'] })
    await next()
    await w.segment('admin', { tcp: ['443', '8443'], udp: ['53'] })
    assert.equal(await w.ask(8443), 'admin')
    assert.equal(await w.ask(53, 'udp'), 'admin')
    assert.equal(await w.ask(443), 'web')
    assert.deepEqual(await w.cut(), [])
  })
  await t.test('the same ports written as two ranges', async () => {
    await using w = await world()
    const { id } = await w.segment('range', { tcp: ['8000-8100'] })
    assert.equal(await w.ask(8050), 'range')
    await w.segment('range', { tcp: ['8050-8100', '8000-8049'] }, id)
    assert.deepEqual(await w.cut(), [])
  })
})

test('a port that an older segment takes over is cut, though the segment still lists it', async () => {
  await using w = await world()
  const ssh = await w.segment('ssh', { tcp: ['22'], enabled: false })
  await new Promise<void>((resolve) => setTimeout(resolve, 2))
  await w.segment('app', { tcp: ['443', '22'] })
  await put(w.store, 'access-rule', 'nobody', { order: 1, action: 'deny', conditions: { segments: ['ssh'] } })
  assert.equal(await w.ask(22), 'app')
  await w.segment('ssh', { tcp: ['22'] }, ssh.id)
  assert.equal(await w.ask(22), 'POLICY_DENIED')
  assert.deepEqual(await w.cut(), ['CLIENT_NOT_COVERED: no application available to you is at app.example'])
})

/** Changes what is stored behind the back of the API, as an older version or a hand in the database would. */
function scribble(w: Awaited<ReturnType<typeof world>>, id: string, spec: string): void {
  const raw = new DatabaseSync(path.join(w.control.stateDir, 'backstitch.db'))
  raw.prepare('update object set spec = ? where id = ?').run(spec, id)
  raw.exec("update meta set value = value + 1 where key = 'policy_version'")
  raw.close()
}

test('one object that cannot be read is closed and named; others decide on, and nothing is cut because of it', async () => {
  await using w = await world()
  const app = await w.segment('app', { tcp: ['443'] })
  await w.segment('other', { domains: ['other.example', '*.example'], tcp: ['443'] })
  assert.equal(await w.ask(443), 'app')
  assert.equal(await w.ask(443, 'tcp', 'other.example'), 'other')

  scribble(w, app.id, JSON.stringify({ ...app.spec, domains: ['app.example', 'xn--a.example'] }))
  assert.equal(await w.ask(443), 'POLICY_UNREADABLE')
  assert.equal(await w.ask(443, 'tcp', 'other.example'), 'other')
  assert.deepEqual(await w.cut(), [])
  assert.deepEqual(
    [...(await w.parts.policy()).unreadable.values()].map(({ name }) => name),
    ['app'],
  )

  for (const spec of ['{', 'null', '[]', '{"conditions":{"time":{"zone":"+02:00"}}}', '"deny"']) {
    scribble(w, app.id, JSON.stringify(app.spec))
    scribble(w, w.rule.id, spec)
    assert.equal(await w.ask(443), 'POLICY_UNREADABLE', spec)
    assert.deepEqual(await w.cut(), [], spec)
  }
  const deps = { clock: w.parts.clock, presence: { connector: () => undefined } }
  const { findings } = await w.store.transaction((tx) => lintEverything(tx, deps))
  const named = findings.filter(({ code }) => code === 'POLICY_UNREADABLE')
  assert.deepEqual(
    named.map(({ object }) => object.name),
    ['all'],
  )
  scribble(w, w.rule.id, '{')
  await w.store.objects.put({ ...w.rule, expectVersion: w.rule.version })
  assert.equal(await w.ask(443), 'app', 'and it can be written anew')
  const deny = await put(w.store, 'access-rule', 'deny', { order: 1, action: 'deny' })
  assert.deepEqual(
    await w.cut(),
    Array(1).fill('POLICY_DENIED: rule "deny" denies app'),
    'a real denial still cuts',
  )
  assert.equal(deny.version, 1)
})

test('whoever is disabled is cut, whatever cannot be read', async () => {
  await using w = await world()
  const app = await w.segment('app', { tcp: ['443'] })
  assert.equal(await w.ask(443), 'app')
  scribble(w, app.id, '{}')
  await w.store.devices.update(w.client.peer.identity.id, { enabled: false })
  assert.match((await w.cut())[0] ?? '', /is disabled or deleted/)
})

test('grants that a connector makes up cost one line of audit, and nobody else anything', async () => {
  await using w = await world()
  const handlers = agentHandlers(w.parts)
  const invented = 2000
  const entry = () => ({
    grant: newId('grt'),
    user: 'u',
    device: 'd',
    segment: 's',
    rule: 'r',
    host: 'h',
    port: 1,
  })
  for (let at = 0; at < invented; at += 250) {
    const ended = Array.from({ length: 250 }, () => ({ ...entry(), protocol: 'tcp' as const }))
    await handlers.handle(
      w.connector as FakeAgent,
      { type: 'carries', ended } as Extract<AgentMessage, { type: 'carries' }>,
    )
  }
  const rows = async () => (await w.store.audit.list({ limit: 1 })).items[0]?.seq ?? 0
  const before = await rows()
  w.connector.sent.length = 0
  await reevaluate(w.parts)
  assert.equal((await rows()) - before, 1)
  const told = w.connector.sent.flatMap((message) => (message.type === 'revoke' ? message.grants : []))
  assert.equal(told.length, invented, 'it hears that none of them counts')
  assert.deepEqual(await w.cut(), [], 'and it is said once')
})
