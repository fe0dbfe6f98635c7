import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fit, ratios, shuffled, slope, spread } from './statistics.ts'

test('spread takes the middle and keeps the extremes', () => {
  assert.deepEqual(spread([3, 1, 100]), { median: 3, min: 1, max: 100, count: 3 })
  assert.equal(spread([1, 2, 3, 10])?.median, 2.5)
  assert.equal(spread([]), undefined)
})

test('ratios are made within a round, not between medians', () => {
  // Each round both sides halve together: the ratio stays 2, though the medians alone would not show it.
  const ours = [800, 400, 200]
  const theirs = [400, 200, 100]
  assert.deepEqual(ratios(ours, theirs), { median: 2, min: 2, max: 2, count: 3 })
})

test('a round that lacks one side, or has nothing below the line, makes no ratio', () => {
  assert.equal(ratios([1, undefined, 3], [2, 5, 0])?.count, 1)
  assert.equal(ratios([undefined], [1]), undefined)
})

test('slope is the cost of one more, whatever the start costs', () => {
  const points = [100, 200, 300].map((x) => [x, 50_000 + 7 * x] as const)
  assert.equal(Math.round(slope(points) * 1e6) / 1e6, 7)
})

test('a fit tells its error: none on a line, more the further off the points are', () => {
  const straight = [1, 2, 3, 4].map((x) => [x, 3 * x] as const)
  assert.ok(fit(straight).error < 1e-9)
  const wavering = straight.map(([x, y], each) => [x, y + (each % 2 === 0 ? 1 : -1)] as const)
  // Residuals 0.4, -1.2, 1.2, -0.4: √(3.2 / 2 / 5).
  assert.equal(fit(wavering).error.toFixed(4), '0.5657')
})

test('shuffled keeps everyone and leaves the list as it was', () => {
  const list = [1, 2, 3, 4, 5]
  assert.deepEqual(
    shuffled(list).toSorted((a, b) => a - b),
    list,
  )
  assert.deepEqual(list, [1, 2, 3, 4, 5])
})
