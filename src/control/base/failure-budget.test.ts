import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FailureBudget } from './failure-budget.ts'

test('a user at whom many passwords were tried is not forgotten for names that were tried once', () => {
  const budget = new FailureBudget({ clock: { monotonicUs: () => 0 }, free: 30, everyMs: 6000 })
  for (let n = 0; n < 30; n++) budget.take('ada')
  for (let n = 0; n < 30_000; n++) budget.take(`nobody ${n}`)
  assert.equal(budget.waitMs('ada'), 6000)
})

test('a clock that is set forgives nobody, and locks nobody out', () => {
  const clock = { ms: 0, jumpMs: 0, nowMs: () => clock.ms + clock.jumpMs, monotonicUs: () => clock.ms * 1000 }
  const budget = new FailureBudget({ clock, free: 2, everyMs: 6000 })
  for (let n = 0; n < 2; n++) budget.take('ada')
  clock.jumpMs = 3_600_000
  assert.equal(budget.waitMs('ada'), 6000)
  clock.jumpMs = -3_600_000
  clock.ms = 12_000
  assert.equal(budget.waitMs('ada'), 0)
})

test('of as many users there is an end, too', () => {
  const budget = new FailureBudget({ clock: { monotonicUs: () => 0 }, free: 2, everyMs: 6000 })
  for (let n = 0; n < 20_000; n++) for (let m = 0; m < 2; m++) budget.take(`user ${n}`)
  let kept = 0
  for (let n = 0; n < 20_000; n++) if (budget.spent(`user ${n}`) > 0) kept++
  assert.ok(kept <= 10_001)
})
