/**
 * For tests of what must not hold its thread: `await withinLoopBudget(() => work())`.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { LOOP_BUDGET_MS, LoopWatch } from './loop-watch.ts'

/** Some machines are half as fast as others, and a collection of garbage is part of a step. */
const SLOW_MACHINE = 3

/**
 * Does the work, and fails if one step of it grows with what there is: one that does takes a multiple of this. Other load
 * of the machine does not count, other work of this process does.
 */
export async function withinLoopBudget<T>(
  work: () => T | Promise<T>,
  budgetMs = LOOP_BUDGET_MS * SLOW_MACHINE,
): Promise<T> {
  using watch = new LoopWatch({ budgetMs, intervalMs: 1 })
  await wait(5)
  const result = await work()
  await wait(5)
  const longestMs = Math.round(watch.longestMs)
  assert.ok(watch.over === 0, `a step held the thread for ${longestMs} ms, and may for ${budgetMs}`)
  return result
}
