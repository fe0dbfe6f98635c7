import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { ASK_AGAIN, ServerClock } from './server-clock.ts'

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

test('ServerClock: a jump either way has the server asked for its time within a second, once for each', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { clock, local, pass } = fixture()
  let asked = 0
  using _watching = clock.watch(silentLog, ASK_AGAIN, () => asked++)
  const second = () => {
    pass(1000)
    t.mock.timers.tick(1000)
    return asked
  }
  clock.set(0)
  assert.equal(second(), 0)
  local.wallMs += 4000 // as clocks are corrected every day
  assert.equal(second(), 0)
  local.wallMs += 3_600_000
  assert.equal(second(), 1)
  assert.equal(second(), 1, 'and not again while the answer is on its way')
  clock.set(0)
  assert.equal(second(), 1)
  local.wallMs -= 7_200_000
  assert.equal(second(), 2)
  local.wallMs += 60_000
  assert.equal(second(), 3)
})
