import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { LoadMeter } from './load-meter.ts'

const RATE = { typed: 2000, bulk: 40_000_000 }

for (const [what, bytesPerSecond, sinceMs, isTyped] of [
  ['a little that moves where no session came or left for a second', RATE.typed, 1500, true],
  ['a little that moves where sessions come and go', RATE.typed, 200, false],
  ['much', RATE.bulk, 1500, false],
  ['nothing', 0, 1500, false],
] as const) {
  test(`${what} is ${isTyped ? '' : 'not '}typed`, () => {
    const nowUs = systemClock.monotonicUs() + 10_000_000
    const tunnel = { bytesPerSecond, lastUsedUs: nowUs - sinceMs * 1000 }
    const engine = { opener: { live: { size: 1 }, totals: { total: 1 } }, tunnels: { all: () => [tunnel] } }
    const { load } = new LoadMeter(engine, { ...systemClock, monotonicUs: () => nowUs })
    assert.equal(load.isTyped, isTyped)
    assert.equal(load.bytesPerSecond, bytesPerSecond)
  })
}
