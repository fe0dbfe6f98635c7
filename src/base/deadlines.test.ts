import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { Deadlines } from './deadlines.ts'

/** Timers and performance.now held still, so that nothing waits. */
function stillTime(t: { after(work: () => void): void }) {
  let nowMs = 0
  mock.timers.enable({ apis: ['setInterval'] })
  mock.method(performance, 'now', () => nowMs)
  t.after(() => {
    mock.timers.reset()
    mock.restoreAll()
  })
  return (ms: number) => {
    nowMs += ms
    mock.timers.tick(ms)
  }
}

test('Deadlines expires in order, within one tick, and not what was deleted', (t) => {
  const pass = stillTime(t)
  const expired: string[] = []
  using deadlines = new Deadlines<string>(100, (item) => expired.push(item), 10)
  deadlines.add('a')
  pass(50)
  deadlines.add('b')
  deadlines.add('c')
  deadlines.delete('c')
  pass(40)
  assert.deepEqual(expired, [])
  pass(20)
  assert.deepEqual(expired, ['a'])
  pass(60)
  assert.deepEqual(expired, ['a', 'b'])
  assert.equal(deadlines.size, 0)
})

test('Deadlines: adding again starts anew, also from within the expiry', (t) => {
  const pass = stillTime(t)
  let times = 0
  using deadlines: Deadlines<string> = new Deadlines<string>(
    100,
    (item) => {
      if (++times < 3) deadlines.add(item)
    },
    10,
  )
  deadlines.add('a')
  pass(90)
  deadlines.add('a')
  pass(90)
  assert.equal(times, 0)
  for (let i = 0; i < 40; i++) pass(10)
  assert.equal(times, 3)
})
