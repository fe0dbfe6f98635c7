import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import { type DeepCheck, DeepChecks } from './deep-checks.ts'

const APP = { segment: 'seg_1', host: 'hr.example', port: 443 }
const where = async () => ['10.0.0.1']
const narrow = new Fault('PATH_MTU', 'hr.example:443: too narrow', { hop: 'application' })
const settled = () => new Promise(setImmediate)

/** `answers` in turn, the last again and again. */
function fixture(t: TestContext, ...answers: (Fault | undefined)[]) {
  let nowMs = 0
  t.mock.method(performance, 'now', () => nowMs)
  const looked: Parameters<DeepCheck>[0][] = []
  const told: (string | undefined)[] = []
  const explained: boolean[] = []
  const looks = new DeepChecks({
    log: silentLog,
    clock: { ...systemClock, nowMs: () => 1 },
    reach: { impaired: (_, found) => void told.push(found?.code) },
    silence: { explained: (_, is) => void explained.push(is) },
    look: async (at) => {
      looked.push(at)
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      if (answer !== undefined && !(answer instanceof Fault)) throw answer
      return answer
    },
  })
  t.after(() => looks[Symbol.dispose]())
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { looks, looked, told, explained, pass }
}

test('a deep check follows the first connection, and then one in a while', async (t) => {
  const { looks, looked, told, pass } = fixture(t, undefined)
  for (let i = 0; i < 3; i++) looks.reached(APP, 'session', where)
  await settled()
  assert.deepEqual(looked, [{ host: 'hr.example', port: 443, address: '10.0.0.1', nowMs: 1 }])
  pass(29_000)
  looks.reached(APP, 'session', where)
  await settled()
  assert.equal(looked.length, 1)
  pass(1000)
  looks.reached(APP, 'check', where)
  await settled()
  assert.equal(looked.length, 1, 'checks of health come often, and are less reason')
  looks.reached(APP, 'session', where)
  await settled()
  assert.equal(looked.length, 2)
  pass(300_000)
  looks.reached(APP, 'check', where)
  await settled()
  assert.equal(looked.length, 3)
  assert.deepEqual(told, [])
})

test('what is found counts when it is seen twice, is a note, and ends when it is not seen any more', async (t) => {
  const { looks, looked, told, pass } = fixture(t, narrow, undefined, narrow, narrow, undefined)
  looks.reached(APP, 'session', where)
  await settled()
  assert.equal(looked.length, 2)
  assert.deepEqual([told, looks.notes], [[], []], 'a packet was late once')
  pass(30_000)
  looks.reached(APP, 'session', where)
  await settled()
  assert.deepEqual([told, looks.notes, looks.impaired], [['PATH_MTU'], [narrow], 1])
  pass(15_000)
  looks.reached(APP, 'check', where)
  await settled()
  assert.deepEqual([told, looks.notes, looks.impaired], [['PATH_MTU', undefined], [], 0])
})

test('an application that falls silent is looked at without waiting for the next turn, and lost packets explain it', async (t) => {
  const { looks, looked, explained, pass } = fixture(t, undefined, narrow, narrow, undefined)
  looks.reached(APP, 'session', where)
  await settled()
  pass(4000)
  looks.reached(APP, 'session', where)
  await settled()
  assert.equal(looked.length, 1, 'its turn is later')
  looks.silent(APP)
  await settled()
  assert.deepEqual([looked.length, explained], [3, [true]])
  pass(15_000)
  looks.reached(APP, 'check', where)
  await settled()
  assert.deepEqual(explained, [true, false])
})

test('one at a time, and no more wait than there is room for', async (t) => {
  let running = 0
  let most = 0
  const done: (() => void)[] = []
  const looks = new DeepChecks({
    log: silentLog,
    clock: systemClock,
    reach: { impaired: () => {} },
    silence: { explained: () => {} },
    look: async () => {
      most = Math.max(most, ++running)
      await new Promise<void>((resolve) => done.push(resolve))
      running--
      return undefined
    },
  })
  t.after(() => looks[Symbol.dispose]())
  for (let i = 0; i < 500; i++) looks.reached({ ...APP, host: `h${i}.example` }, 'check', where)
  let looked = 0
  for (await settled(); done.length > 0; await settled()) {
    looked++
    done.shift()!()
  }
  assert.equal(most, 1)
  assert.ok(looked >= 100 && looked <= 102, `${looked} looks`)
})

test('what nobody watches any more is forgotten, also in the middle of a look', async (t) => {
  const { looks, told } = fixture(t, narrow)
  looks.reached(APP, 'session', where)
  looks.forget(APP)
  await settled()
  assert.deepEqual([told, looks.notes], [[], []])
})

test('a look that fails ends nobody, and the next one is made', async (t) => {
  const { looks, looked, told, pass } = fixture(t, new Error('no such program') as never, narrow)
  looks.reached(APP, 'session', where)
  await settled()
  assert.deepEqual([looked.length, told], [1, []])
  pass(30_000)
  looks.reached(APP, 'session', where)
  await settled()
  assert.deepEqual([looked.length, told], [3, ['PATH_MTU']])
})

test('what is used is looked at before what is only checked, however much of that waits', async (t) => {
  const { looks, looked } = fixture(t, undefined)
  for (let i = 0; i < 200; i++) looks.reached({ ...APP, host: `h${i}.example` }, 'check', where)
  looks.reached(APP, 'session', where)
  await settled()
  assert.deepEqual(
    looked.slice(0, 3).map(({ host }) => host),
    ['h0.example', 'hr.example', 'h1.example'],
  )
  assert.equal(looked.length, 102)
})

test('an address that cannot be had any more is no news: whoever connects next says why', async (t) => {
  const { looks, looked, told } = fixture(t, narrow)
  looks.reached(APP, 'check', () => Promise.reject(new Fault('APP_NAME_NXDOMAIN', 'gone')))
  await settled()
  assert.deepEqual([looked, told], [[], []])
})
