import assert from 'node:assert/strict'
import { test } from 'node:test'
import { figuresSample } from '../../policy/figures.fixture.ts'
import { VitalsOfConnectors } from './vitals.ts'

const HOUR_MS = 3_600_000

test('a clock that is set hides no figures that come, tells none twice, and forgets no loss', () => {
  const clock = {
    ms: 1_000_000,
    jumpMs: 0,
    nowMs: () => clock.ms + clock.jumpMs,
    monotonicUs: () => clock.ms * 1000,
  }
  const vitals = new VitalsOfConnectors(clock)
  const { atMs: _, ...figures } = figuresSample()
  const tell = (...ages: number[]) => {
    const samples = ages.map((agoMs) => ({ ...figures, agoMs }))
    vitals.told('con_1', {
      type: 'status',
      state: 'healthy',
      sessions: 0,
      tunnels: 0,
      cpuPercent: 0,
      rssBytes: 0,
      samples,
    })
  }
  tell(5000, 0)
  for (const jumpMs of [-HOUR_MS, HOUR_MS]) {
    const before = vitals.history('con_1').length
    clock.jumpMs = jumpMs
    clock.ms += 5000
    tell(5000, 0) // the first of them was told before
    assert.equal(vitals.history('con_1').length, before + 1)
    assert.equal(vitals.history('con_1').at(-1)!.atMs, clock.nowMs())
    assert.equal(vitals.history('con_1').at(-2)!.atMs, clock.nowMs() - 5000)
  }

  for (let loss = 0; loss < 6; loss++) {
    const code = 'CONTROL_UNREACHABLE'
    vitals.passed('con_1', { is: 'disconnected', address: '192.0.2.1', code, hop: 'network' })
    clock.ms += 1000
  }
  assert.equal(vitals.flapping('con_1')?.drops.length, 6)
  for (const jumpMs of [-HOUR_MS, 2 * HOUR_MS]) {
    clock.jumpMs = jumpMs
    assert.equal(vitals.flapping('con_1')?.drops.length, 6)
  }
})
