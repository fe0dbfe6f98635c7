/**
 * For tests of what must not hold its thread: `await withinLoopBudget(() => work())`.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { LOOP_BUDGET_MS, LoopWatch } from './loop-watch.ts'

/**
 * Does the work, and fails if one step of it took longer than the budget, on a machine that is as fast as those we
 * develop on: a slower one has more. Other load of the machine does not count, other work of this process does.
 */
export async function withinLoopBudget<T>(work: () => T | Promise<T>, budgetMs?: number): Promise<T> {
  const allowedMs = budgetMs ?? LOOP_BUDGET_MS * slowness()
  using watch = new LoopWatch({ budgetMs: allowedMs, intervalMs: 1 })
  await wait(5)
  const result = await work()
  await wait(5)
  const longestMs = Math.round(watch.longestMs)
  assert.ok(
    watch.over === 0,
    `a step held the thread for ${longestMs} ms, and may for ${Math.round(allowedMs)}`,
  )
  return result
}

/** What a round takes there, in milliseconds of CPU. */
const ROUND_MS = 10
const ROUNDS = 7

/** How much longer this machine takes now, caches and neighbours included; 1 where it is as fast. */
function slowness(): number {
  const rounds = Array.from({ length: ROUNDS }, round).sort((a, b) => a - b)
  return Math.max(1, rounds[ROUNDS >> 1]! / ROUND_MS)
}

/** @returns Milliseconds of CPU for objects, texts and a table of the kind that the control plane lives by. */
function round(): number {
  const before = process.threadCpuUsage()
  const table = new Map<string, { id: string; names: string[] }>()
  for (let n = 0; n < 10_000; n++) table.set(`app${n}.example`, { id: `${n}`, names: [`a${n}`, `b${n}`] })
  const read = JSON.parse(JSON.stringify([...table.values()])) as { id: string }[]
  assert.ok(read.every(({ id }) => table.has(`app${id}.example`)))
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
