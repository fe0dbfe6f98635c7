import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../base/ids.ts'
import { silentLog } from '../../base/log.ts'
import { openStore } from '../../store/store.ts'
import type { FaultMessage } from '../../wire/control.ts'
import { connected, enrolDevice, put } from '../agents/control.fixture.ts'
import { cachedPolicy } from '../base/policy-now.ts'
import { Presence } from '../presence/presence.ts'
import { handClock } from '../rest/fixture.ts'
import { keepDenial, keepTimes } from './keep-denial.ts'
import { namedFaults } from './names-in.ts'
import { findSubject } from './subject.ts'
import { withWhatWas } from './what-was.ts'

const ASKED = {
  type: 'authorize',
  id: 'r',
  host: 'wiki.internal',
  port: 443,
  protocol: 'tcp',
  wantPipe: false,
} as const
const FAULT: FaultMessage = { code: 'POLICY_DENIED', hop: 'control', detail: 'no rule' }

async function world() {
  const clock = handClock()
  const store = await openStore({ file: ':memory:', clock })
  const ada = await put(store, 'user', 'ada')
  const laptop = await enrolDevice(store, ada.id, 'laptop')
  const client = { ...connected('client', laptop.id), device: { name: 'laptop', userId: ada.id } }
  const deps = { store, clock, policy: cachedPolicy(store, silentLog) }
  await deps.policy()
  const remove = (kind: 'segment' | 'access-rule', name: string) =>
    store.transaction(async (tx) => {
      const { id, spec } = await tx.objects.get(kind, name)
      await tx.objects.delete(kind, id)
      await tx.audit.append({
        ...{ actor: 'token ann (tok_1)', action: `${kind}.delete`, object: `${kind} ${id}` },
        detail: { name, was: spec },
      })
    })
  return {
    ...{ clock, store, ada, laptop, client, deps, presence: new Presence(), remove },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

test('a refusal is kept with the names of its time, and audited by its id', async () => {
  await using w = await world()
  await keepDenial(w.deps, w.client, {
    id: 'den_1',
    asked: ASKED,
    fault: FAULT,
    detail: { host: ASKED.host },
  })
  const denial = await w.store.denials.get('den_1')
  assert.deepEqual(
    [denial?.userName, denial?.deviceName, denial?.from, denial?.fault],
    ['ada', 'laptop', '192.0.2.1', FAULT],
  )
  const { items } = await w.store.audit.list({ limit: 5, action: 'access.denied' })
  assert.deepEqual(
    items.map(({ object, actor }) => [object, actor]),
    [['denial den_1', `client-device ${w.laptop.id}`]],
  )
})

test('a device that was deleted while it asked is named as it was when it connected', async () => {
  await using w = await world()
  await w.store.devices.delete(w.laptop.id)
  await keepDenial(w.deps, w.client, { id: 'den_1', asked: ASKED, fault: FAULT, detail: {} })
  const denial = await w.store.denials.get('den_1')
  assert.deepEqual([denial?.deviceName, denial?.userId, denial?.userName], ['laptop', w.ada.id, 'ada'])
})

test('how often it was refused is added and audited, unless the record is gone', async () => {
  await using w = await world()
  await keepDenial(w.deps, w.client, { id: 'den_1', asked: ASKED, fault: FAULT, detail: {} })
  const lastMs = w.clock.nowMs() + 60_000
  await keepTimes(w.deps, { id: 'den_1', times: 40, lastMs })
  await keepTimes(w.deps, { id: 'den_absent', times: 9, lastMs })
  assert.equal((await w.store.denials.get('den_1'))?.times, 40)
  const { items } = await w.store.audit.list({ limit: 5, action: 'access.denied-again' })
  assert.deepEqual(
    items.map(({ detail }) => detail),
    [{ times: 40, until: '2026-01-01T00:01:00.000Z' }],
  )
})

test('ids in words and evidence become names; those of what is gone stay', async () => {
  await using w = await world()
  const gone = newId('seg')
  const fault: FaultMessage = {
    ...{ code: 'POLICY_DENIED', hop: 'control', detail: `${w.ada.id} on ${w.laptop.id} for ${gone}` },
    seen: { wanted: [w.ada.id, gone], rule: w.ada.id, port: 443 },
  }
  const [named, same] = await namedFaults(w.store, [fault, FAULT])
  assert.equal(named?.detail, `ada on laptop for ${gone}`)
  assert.deepEqual(named?.seen, { wanted: ['ada', gone], rule: 'ada', port: 443 })
  assert.equal(same, FAULT)
  assert.deepEqual(await namedFaults(w.store, []), [])
})

test('a trace is about the device that is online, else the one seen last; a daemon before its commands', async () => {
  await using w = await world()
  const phone = await enrolDevice(w.store, w.ada.id, 'phone')
  await w.store.devices.seen(phone.id, { address: '192.0.2.2', atMs: w.clock.nowMs() + 5 })
  assert.equal((await findSubject(w, { user: 'ada' })).device?.name, 'phone')
  const command = { ...w.client, sinceMs: w.client.sinceMs + 1 }
  for (const one of [command, w.client]) w.presence.addClient(one)
  const { device, online } = await findSubject(w, { user: w.ada.id })
  assert.deepEqual([device?.name, online === w.client], ['laptop', true])
  assert.equal((await findSubject(w, { user: 'ada', device: phone.id })).online, undefined)
})

test('a trace of an unknown user, or of another user’s device, says what there is', async () => {
  await using w = await world()
  const eve = await put(w.store, 'user', 'eve')
  const phone = await enrolDevice(w.store, eve.id, 'phone')
  await assert.rejects(findSubject(w, { user: 'zoe' }), { code: 'NOT_FOUND' })
  await assert.rejects(findSubject(w, { user: 'ada', device: phone.id }), {
    code: 'NOT_FOUND',
    detail: `ada has no device ${phone.id}: laptop`,
  })
  await put(w.store, 'user', 'max')
  assert.deepEqual((await findSubject(w, { user: 'max' })).device, undefined)
  await assert.rejects(findSubject(w, { user: 'max', device: 'x' }), {
    detail: /has no device x: none at all/,
  })
})

test('where a deleted segment or rule explains a refusal, who deleted it is said; where it does not, nothing', async () => {
  await using w = await world()
  await put(w.store, 'segment', 'wiki', {
    domains: ['*.wiki.internal'],
    cidrs: ['10.1.0.0/16'],
    tcp: ['443'],
  })
  await put(w.store, 'access-rule', 'allow-wiki', { order: 1, action: 'allow' })
  await put(w.store, 'access-rule', 'deny-all', { order: 2, action: 'deny' })
  await w.remove('segment', 'wiki')
  await w.remove('access-rule', 'deny-all')
  const uncovered: FaultMessage = { code: 'CLIENT_NOT_COVERED', hop: 'client', detail: 'not covered' }
  const about = async (fault: FaultMessage, host: string) => (await withWhatWas(w.store, fault, host)).detail
  for (const host of ['a.wiki.internal', '10.1.2.3'])
    assert.match(
      await about(uncovered, host),
      /^not covered; segment wiki, which declared it, was deleted at .* by token ann/,
    )
  for (const host of ['git.internal', '10.2.2.3']) assert.equal(await about(uncovered, host), 'not covered')
  assert.equal(await about(FAULT, 'a.wiki.internal'), 'no rule', 'a rule that denied explains nothing')
  await w.remove('access-rule', 'allow-wiki')
  assert.match(await about(FAULT, 'a.wiki.internal'), /rule "allow-wiki", which allowed access, was deleted/)
  const denied = { ...FAULT, seen: { rule: 'rul_1' } }
  assert.equal(await about(denied, 'a.wiki.internal'), 'no rule', 'a rule that is there denies it')
})
