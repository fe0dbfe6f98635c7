import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FLAPPING_DROPS, flappingOf, flappingText } from './flapping.ts'

const NOW = 10_000_000
const drop = (agoS: number, code = 'CONTROL_UNREACHABLE') => ({
  atMs: NOW - agoS * 1000,
  code,
  hop: 'control',
})

test('four drops in ten minutes are flapping, three are not, and old ones do not count', () => {
  assert.equal(flappingOf([drop(10), drop(70), drop(130)], NOW), undefined)
  assert.equal(flappingOf([drop(10), drop(70), drop(130), drop(700)], NOW), undefined)
  assert.equal(flappingOf([drop(10), drop(70), drop(130), drop(190)], NOW)?.drops.length, FLAPPING_DROPS)
})

test('drops at one interval have a period, and each cause is counted', () => {
  const found = flappingOf([drop(181), drop(120), drop(62), drop(1, 'EDGE_UNREACHABLE')], NOW)!
  assert.equal(found.periodMs, 61_000)
  assert.equal(
    flappingText(found),
    '4 drops in 10 min, one every 61 s: control CONTROL_UNREACHABLE 3 times, control EDGE_UNREACHABLE once',
  )
})

test('drops at any time have none', () => {
  const found = flappingOf([drop(400), drop(390), drop(100), drop(5)], NOW)!
  assert.equal(found.periodMs, undefined)
  assert.match(flappingText(found), /at no regular interval/)
})
