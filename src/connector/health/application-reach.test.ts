import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import type { BulkSource } from '../../link/control/bulk-queue.ts'
import { type AgentMessage, agentMessage } from '../../wire/control.ts'
import { ApplicationReach } from './application-reach.ts'

const APP = { segment: 'seg_1', host: 'hr.example', port: 443 }
const refused = new Fault('APP_REFUSED', '10.0.0.1:443: ECONNREFUSED', { seen: { errno: 'ECONNREFUSED' } })

function fixture(t: TestContext) {
  let nowMs = 0
  t.mock.timers.enable({ apis: ['setInterval'] })
  t.mock.method(performance, 'now', () => nowMs)
  const told: AgentMessage[] = []
  const reach = new ApplicationReach()
  t.after(() => reach[Symbol.dispose]())
  const tell = (source: BulkSource<AgentMessage>) => {
    for (let message = source(); message !== undefined; message = source())
      told.push(agentMessage.parse(message))
  }
  reach.resume(tell)
  return {
    reach,
    tell,
    told: () => told.splice(0).map((m) => m.type === 'reach' && `${m.host} ${m.ok ? 'ok' : m.fault?.code}`),
    said: () => told.splice(0).map((m) => m.type === 'reach' && [m.ok, m.fault?.code]),
    pass: async (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        nowMs += 1000
        t.mock.timers.tick(1000)
        await new Promise(setImmediate)
      }
    },
  }
}

test('ApplicationReach tells control of changes, not of every session', (t) => {
  const { reach, told } = fixture(t)
  const attempt = async () => undefined
  for (let i = 0; i < 3; i++) reach.note(APP, attempt, undefined)
  assert.deepEqual(told(), ['hr.example ok'])
  for (let i = 0; i < 3; i++) reach.note(APP, attempt, refused)
  assert.deepEqual(told(), ['hr.example APP_REFUSED'])
  assert.equal(reach.failing, 1)
  reach.note(APP, attempt, undefined)
  assert.deepEqual(told(), ['hr.example ok'])
  assert.equal(reach.failing, 0)
})

test('ApplicationReach tries what fails by itself, ever less often, and tells of the recovery', async (t) => {
  const { reach, told, pass } = fixture(t)
  let tries = 0
  let up = false
  const attempt = async () => {
    tries++
    return up ? undefined : refused
  }
  reach.note(APP, attempt, refused)
  told()
  await pass(60)
  assert.ok(tries >= 5 && tries <= 9, `${tries} tries in a minute`)
  const again = told()
  assert.equal(again.length, tries, 'control forgets what is not told again')
  assert.deepEqual([...new Set(again)], ['hr.example APP_REFUSED'])
  up = true
  await pass(16)
  assert.deepEqual(told(), ['hr.example ok'])
  const before = tries
  await pass(60)
  assert.equal(tries, before, 'what works is not tried')
})

test('ApplicationReach leaves an application alone that nobody has asked for in half an hour', async (t) => {
  const { reach, pass } = fixture(t)
  reach.note(APP, async () => refused, refused)
  await pass(1802)
  assert.equal(reach.failing, 0)
})

test('ApplicationReach spends at most 20 attempts in a second', async (t) => {
  const { reach, pass } = fixture(t)
  let tries = 0
  const attempt = async () => {
    tries++
    return refused
  }
  for (let i = 0; i < 100; i++) {
    reach.note({ ...APP, host: `h${i}.example` }, attempt, refused)
  }
  await pass(2)
  assert.ok(tries <= 40, `${tries} in two seconds`)
  await pass(10)
  assert.ok(tries >= 100)
})

test('ApplicationReach: a fault of this machine is no news of the application; a name that leads outside its segment is', (t) => {
  const { reach, told } = fixture(t)
  reach.note(APP, async () => undefined, new Fault('FD_EXHAUSTED', 'EMFILE'))
  assert.deepEqual(told(), [])
  reach.note(APP, async () => undefined, new Fault('ADDRESS_FORBIDDEN', 'loopback'))
  assert.deepEqual(told(), ['hr.example ADDRESS_FORBIDDEN'])
})

test('ApplicationReach tries as the last who asked would: a segment that was mended is tried as it is now', async (t) => {
  const { reach, told, pass } = fixture(t)
  const forbidden = new Fault('ADDRESS_FORBIDDEN', 'outside its networks')
  reach.note(APP, async () => forbidden, forbidden)
  reach.note(APP, async () => undefined, forbidden)
  told()
  await pass(2)
  assert.deepEqual(told(), ['hr.example ok'])
})

test('ApplicationReach: UDP is known by its sessions alone, apart from TCP, and not for long once it was refused', async (t) => {
  const { reach, told, pass } = fixture(t)
  const udp = { ...APP, protocol: 'udp' } as const
  reach.note(APP, async () => undefined, undefined)
  reach.note(udp, undefined, refused)
  assert.deepEqual(told(), ['hr.example ok', 'hr.example APP_REFUSED'])
  assert.equal(reach.failing, 1)
  reach.note(udp, undefined, undefined)
  assert.deepEqual(told(), ['hr.example ok'])
  reach.note(udp, undefined, refused)
  await pass(62)
  assert.equal(reach.failing, 0, 'nobody knows any more')
})

test('ApplicationReach: an application that is silent is reached, and told with what is known of it, until it answers', (t) => {
  const { reach, said } = fixture(t)
  const silent = (sessions: number) =>
    new Fault('APP_SILENT', `${sessions} sessions`, { seen: { is: 'silent' } })
  reach.note(APP, async () => undefined, undefined)
  reach.silent(APP, silent(3))
  reach.silent(APP, silent(4))
  reach.silent(APP, undefined)
  assert.deepEqual(said(), [
    [true, undefined],
    [true, 'APP_SILENT'],
    [true, undefined],
  ])
})

test('ApplicationReach tells everything again to a control plane that comes back', (t) => {
  const { reach, told, tell } = fixture(t)
  reach.note(APP, async () => undefined, undefined)
  reach.pause()
  reach.note({ ...APP, port: 80 }, async () => undefined, refused)
  told()
  reach.resume(tell)
  assert.deepEqual(told(), ['hr.example ok', 'hr.example APP_REFUSED'])
})

test('ApplicationReach: what was only watched and is watched no more makes nobody ill; what users asked for does', (t) => {
  const { reach } = fixture(t)
  const used = { ...APP, port: 80 }
  for (const one of [APP, used]) reach.probed(one, async () => refused, refused)
  reach.note(used, async () => refused, refused)
  assert.equal(reach.failing, 2)
  for (const one of [APP, used]) reach.unwatched(one)
  assert.equal(reach.failing, 1)
})

test('ApplicationReach tells what a deep check has found, beside that it is reached, until it is well or not watched', (t) => {
  const { reach, said } = fixture(t)
  const narrow = new Fault('PATH_MTU', 'hr.example:443: too narrow', { hop: 'application' })
  reach.note(APP, async () => undefined, undefined)
  reach.impaired(APP, narrow)
  reach.impaired(APP, narrow)
  reach.probed(APP, async () => undefined, undefined)
  reach.note(APP, async () => refused, refused)
  reach.note(APP, async () => undefined, undefined)
  reach.impaired(APP, undefined)
  assert.deepEqual(said(), [
    [true, undefined],
    [true, 'PATH_MTU'],
    [true, 'PATH_MTU'],
    [false, 'APP_REFUSED'],
    [true, 'PATH_MTU'],
    [true, undefined],
  ])
  reach.impaired({ ...APP, host: 'unknown.example' }, narrow)
  assert.deepEqual(said(), [], 'what nobody has connected to is not told')
  assert.equal(reach.failing, 0)
})
