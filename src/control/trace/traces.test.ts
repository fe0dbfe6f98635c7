import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../base/ids.ts'
import type { TraceStep } from '../../wire/control.ts'
import { connected, enrolDevice, openControl, put } from '../agents/control.fixture.ts'
import { OwnLooks } from './own-look.ts'
import { Traces } from './traces.ts'

const step: TraceStep = { hop: 'connect', verdict: 'pass', text: 'fine' }

/** A device that is asked for traces, and another one. */
function world() {
  const traces = new Traces()
  const gone = Promise.withResolvers<undefined>()
  const [device, other] = [connected('client', 'dev_1'), connected('client', 'dev_2')]
  const channel = Object.create(device.channel, { closed: { value: gone.promise } })
  const online = { ...device, channel }
  const heard: unknown[] = []
  const leaving = new AbortController()
  const ask = (id = newId('trc')) => {
    const message = { type: 'trace', id, host: 'wiki.internal', port: 443, protocol: 'tcp' } as const
    return traces.ask(online, message as Parameters<Traces['ask']>[1], {
      ...{ signal: leaving.signal, step: (one) => heard.push(one.hop), way: () => heard.push('way') },
      session: (session) => heard.push(session),
    })
  }
  const say = (told: object, from = online) => traces.told(from, { type: 'trace-step', id: 'trc_1', ...told })
  return { traces, online, other, heard, leaving, ask, say, leave: () => gone.resolve(undefined) }
}

test('a trace is told step by step, and is over when the device says so', async () => {
  const w = world()
  const asking = w.ask('trc_1')
  w.say({ step })
  w.say({ session: 'ses_1' })
  w.say({ end: true })
  await asking
  assert.deepEqual(w.heard, ['connect', 'ses_1'])
  w.say({ step })
  assert.equal(w.heard.length, 2, 'nobody waits for more')
})

test('what another device tells of a trace that is not its own is dropped', async () => {
  const w = world()
  const asking = w.ask('trc_1')
  w.say({ step }, w.other as typeof w.online)
  w.say({ end: true }, w.other as typeof w.online)
  assert.deepEqual(w.heard, [])
  w.say({ end: true })
  await asking
})

test('one trace at a time from a device; the next may begin when it is over', async () => {
  const w = world()
  const first = w.ask('trc_1')
  await assert.rejects(w.ask(), { code: 'CONFLICT', detail: /dev_1 is already running/ })
  w.say({ end: true })
  await first
  const second = w.ask('trc_1')
  w.say({ end: true })
  await second
})

test('a device that disconnects, and a requester that leaves, end the trace', async () => {
  const gone = world()
  const unreachable = assert.rejects(gone.ask(), { code: 'CONTROL_UNREACHABLE', hop: 'client' })
  gone.leave()
  await unreachable
  const left = world()
  const given = assert.rejects(left.ask(), { code: 'CONFLICT', detail: /requester .* has gone/ })
  left.leaving.abort()
  await given
})

test('a device that does not finish its trace is given half a minute', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const w = world()
  const asking = assert.rejects(w.ask(), { code: 'CONTROL_UNREACHABLE', detail: /in 30 s/ })
  t.mock.timers.tick(30_000)
  await asking
})

test('a device that checks its own path learns where it breaks and nothing of policy', async () => {
  await using control = await openControl()
  const { store, parts } = control
  const ada = await put(store, 'user', 'ada')
  const laptop = await enrolDevice(store, ada.id, 'laptop')
  const client = { ...connected('client', laptop.id), device: { name: 'laptop', userId: ada.id } }
  const looks = new OwnLooks(parts)
  const answers = async (count: number) => {
    while (client.sent.length < count) await new Promise(setImmediate)
    return client.sent
  }
  looks.ask(client, { type: 'look', id: 'r1', host: 'wiki.internal', port: 443 })
  const [answer] = await answers(1)
  assert.deepEqual(answer, { type: 'looked', id: 'r1', well: false }, 'no word on why it is refused')
})

test('in an outage few devices are checked at once; the others are told when to ask again', async () => {
  await using control = await openControl()
  const { store, parts } = control
  const ada = await put(store, 'user', 'ada')
  const laptop = await enrolDevice(store, ada.id, 'laptop')
  const client = { ...connected('client', laptop.id), device: { name: 'laptop', userId: ada.id } }
  const looks = new OwnLooks(parts)
  const look = (id: string) => looks.ask(client, { type: 'look', id, host: 'wiki.internal', port: 443 })
  for (const id of ['r1', 'r2', 'r3', 'r4']) look(id)
  assert.throws(() => look('r5'), { code: 'RATE_LIMITED', seen: { retryAfterS: 15 } })
  while (client.sent.length < 4) await new Promise(setImmediate)
  look('r6')
  while (client.sent.length < 5) await new Promise(setImmediate)
  const strange = connected('client', laptop.id)
  looks.ask(strange, { type: 'look', id: 'r7', host: 'wiki.internal', port: 443 })
  while (strange.sent.length < 1) await new Promise(setImmediate)
  const [failed] = strange.sent
  assert.ok(failed?.type === 'failed')
  assert.deepEqual([failed.id, failed.fault.code], ['r7', 'PROTOCOL_ERROR'])
})
