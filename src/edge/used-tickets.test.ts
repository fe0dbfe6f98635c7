import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsedTickets } from './used-tickets.ts'

const T0 = 1_800_000_000_000

/** A clock whose time can be corrected; `startMs`: what it shows at first. */
function timeAt(startMs: number) {
  let ms = startMs
  let monotonicMs = 5
  return {
    clock: { nowMs: () => ms, monotonicUs: () => monotonicMs * 1000 },
    pass(byMs: number) {
      ms += byMs
      monotonicMs += byMs
    },
    correct(byMs: number) {
      ms += byMs
    },
    get ms() {
      return ms
    },
  }
}

test('a ticket is used once, and forgotten some time after it has expired', () => {
  const time = timeAt(T0)
  const used = new UsedTickets(time.clock)
  const expires = T0 + 30_000
  assert.equal(used.use('a', expires), true)
  time.pass(500)
  assert.equal(used.use('a', expires), false)
  for (let i = 0; i < 1000; i++) {
    assert.equal(used.use(`t${i}`, time.ms + 30_000), true)
    time.pass(1)
  }
  time.pass(100_000)
  assert.equal(used.use('late', time.ms + 30_000), true)
  assert.equal(used.size, 1)
})

test('what comes from before the start is refused, also where the time is known only later', () => {
  const time = timeAt(T0 + 31_000) // this machine is fast
  const used = new UsedTickets(time.clock)
  time.pass(1000)
  time.correct(-31_000) // the control plane has said its time
  assert.equal(used.use('fresh', time.ms + 30_000), true)
  assert.equal(used.use('before', T0 - 1 + 30_000), false)
})

test('a ticket of the millisecond in which the edge started is taken', () => {
  let monotonicUs = 700
  const clock = { nowMs: () => T0 + Math.floor(monotonicUs / 1000), monotonicUs: () => monotonicUs }
  const used = new UsedTickets(clock)
  monotonicUs = 1000
  assert.equal(used.use('same', T0 + 30_000), true)
  assert.equal(used.use('before', T0 - 1 + 30_000), false)
})

test('a correction of the time brings no used ticket back', () => {
  const time = timeAt(T0)
  const used = new UsedTickets(time.clock)
  assert.equal(used.use('a', T0 + 30_000), true)
  time.correct(3_600_000)
  assert.equal(used.use('b', time.ms + 30_000), true)
  time.correct(-3_600_000)
  assert.equal(used.use('a', T0 + 30_000), false)
})
