import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_SKEW_MS, skewText } from './clock-skew.ts'

test('a clock is off from a minute on, and it is said which way', () => {
  assert.equal(skewText(undefined), undefined)
  for (const ms of [0, MAX_SKEW_MS, -MAX_SKEW_MS]) assert.equal(skewText(ms), undefined)
  assert.equal(skewText(312_000), '312 s slow against the server')
  assert.equal(skewText(-2 * 86_400_000, 'the edge e1'), '2 days fast against the edge e1')
})
