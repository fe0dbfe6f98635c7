import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type DeviceRefusals, Refusals } from './refusals.ts'

function counting(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  t.mock.method(performance, 'now', () => nowMs)
  let nowMs = 0
  let made = 0
  const over: DeviceRefusals[] = []
  const refusals = new Refusals(async (refusal) => void over.push(refusal))
  return {
    refusals,
    over,
    count: (device: string, what: string) => refusals.count(device, what, nowMs, () => `den_${++made}`),
    pass(ms: number) {
      nowMs += ms
      t.mock.timers.tick(ms)
    },
  }
}

test('a hundred refusals a second of one destination are one record a minute, with their number', (t) => {
  const { over, count, pass } = counting(t)
  assert.deepEqual(count('dev_1', 'wiki'), { id: 'den_1', isFirst: true })
  for (let i = 1; i < 3000; i += 1) {
    assert.deepEqual(count('dev_1', 'wiki'), { id: 'den_1', isFirst: false })
    pass(10)
  }
  assert.equal(count('dev_2', 'wiki').isFirst, true, 'of another device')
  assert.equal(count('dev_1', 'mail').isFirst, true, 'of another destination')
  pass(35_000)
  assert.deepEqual(over, [{ id: 'den_1', times: 3000, lastMs: 29_980 }])
  assert.equal(count('dev_1', 'wiki').isFirst, true, 'its time is over')
})

test('a device that tries name after name gets so many records, and one for the rest', (t) => {
  const { over, count, pass } = counting(t)
  const ids = new Set<string>()
  for (let i = 0; i < 1000; i += 1) ids.add(count('dev_1', `host-${i}`).id)
  assert.equal(ids.size, 61)
  assert.equal(count('dev_2', 'wiki').isFirst, true, 'others have room')
  pass(70_000)
  assert.deepEqual(
    over.map(({ times }) => times),
    [940],
  )
  assert.equal(count('dev_1', 'host-999').isFirst, true)
})

test('what could not be kept is tried again; the end tells what was counted', async (t) => {
  const { refusals, over, count } = counting(t)
  refusals.forget(count('dev_1', 'wiki').id)
  assert.equal(count('dev_1', 'wiki').isFirst, true)
  count('dev_1', 'wiki')
  await refusals[Symbol.asyncDispose]()
  assert.deepEqual(
    over.map(({ id, times }) => [id, times]),
    [['den_2', 2]],
  )
})
