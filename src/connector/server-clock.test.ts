import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServerClock } from './server-clock.ts'

function fixture() {
  const local = { wallMs: 1_000_000, monotonicMs: 50 }
  const clock = new ServerClock({ nowMs: () => local.wallMs, monotonicUs: () => local.monotonicMs * 1000 })
  const pass = (ms: number) => {
    local.wallMs += ms
    local.monotonicMs += ms
  }
  return { local, clock, pass }
}

test('ServerClock is the local clock until the server has said its time, then the server clock', () => {
  const { clock, pass } = fixture()
  assert.equal(clock.nowMs(), 1_000_000)
  clock.set(-300_000)
  assert.equal(clock.nowMs(), 700_000)
  pass(5000)
  assert.equal(clock.nowMs(), 705_000)
})

test('ServerClock: a local clock that is set back changes nothing', () => {
  const { clock, local, pass } = fixture()
  clock.set(0)
  pass(1000)
  local.wallMs -= 3_600_000
  assert.equal(clock.nowMs(), 1_001_000)
  assert.equal(clock.jumpMs, -3_600_000)
})

test('ServerClock: what a suspend has let pass counts, until the server is asked again', () => {
  const { clock, local } = fixture()
  clock.set(0)
  local.wallMs += 7_200_000 // the monotonic clock stands still while suspended
  assert.equal(clock.jumpMs, 7_200_000)
  assert.equal(clock.nowMs(), 8_200_000)
  clock.set(-7_200_000) // it was no suspend: somebody had set the clock
  assert.equal(clock.nowMs(), 1_000_000)
  assert.equal(clock.jumpMs, 0)
})
