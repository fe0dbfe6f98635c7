/**
 * For tests of what must not hold its thread: `await withinLoopBudget(() => work())`.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { LOOP_BUDGET_MS, LoopWatch } from './loop-watch.ts'

/**
 * Does the work, and fails if one step of it took longer than the budget. Other load of the machine does not count,
 * other work of this process does.
 */
export async function withinLoopBudget<T>(work: () => T | Promise<T>, budgetMs = LOOP_BUDGET_MS): Promise<T> {
  using watch = new LoopWatch({ budgetMs, intervalMs: 1 })
  await wait(5)
  const result = await work()
  await wait(5)
  const longestMs = Math.round(watch.longestMs)
  assert.ok(watch.over === 0, `a step held the thread for ${longestMs} ms, and may for ${budgetMs}`)
  return result
}
