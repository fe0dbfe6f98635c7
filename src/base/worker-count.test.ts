import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workerCount, workersSetting } from './worker-count.ts'

const GIB = 1 << 30

test('as many as there are processors, two at least and sixteen at most', () => {
  const counts = [1, 2, 4, 64].map((cores) => workerCount('auto', 16, { cores, memoryBytes: 4 * GIB }))
  assert.deepEqual(counts, [2, 2, 4, 16])
})

test('a role that gains nothing by more has no more', () => {
  assert.equal(workerCount('auto', 2, { cores: 8, memoryBytes: 4 * GIB }), 2)
})

test('a machine without room for another process has one, unless it is told otherwise', () => {
  assert.equal(workerCount('auto', 16, { cores: 4, memoryBytes: GIB / 2 }), 1)
  assert.equal(workerCount(4, 16, { cores: 4, memoryBytes: GIB / 2 }), 4)
})

test('a setting is a number from 1 to 16, or auto, which is the default', () => {
  assert.equal(workersSetting.parse(undefined), 'auto')
  assert.equal(workersSetting.parse(3), 3)
  for (const bad of [0, 17, 1.5, 'all']) assert.equal(workersSetting.safeParse(bad).success, false)
})
