import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { withinLoopBudget } from './loop-watch.fixture.ts'
import { LoopWatch } from './loop-watch.ts'

function compute(ms: number): void {
  const spent = () => (process.threadCpuUsage().user + process.threadCpuUsage().system) / 1000
  for (const until = spent() + ms; spent() < until; );
}

test('a step that computes for longer than its budget is seen, with how long it took', async () => {
  await assert.rejects(
    withinLoopBudget(() => compute(40), 20),
    /held the thread for (3|4|5)\d ms/,
  )
})

test('the same work in small steps is none', async () => {
  await withinLoopBudget(async () => {
    for (let step = 0; step < 40; step++) {
      compute(1)
      await turn()
    }
  }, 20)
})

test('a thread that stands still and does not compute has held nobody by its own doing', async () => {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  await withinLoopBudget(() => Atomics.wait(cell, 0, 0, 60), 20)
})

test('each step over the budget is told', async () => {
  const told: number[] = []
  using watch = new LoopWatch({ budgetMs: 20, intervalMs: 1, onOver: (heldMs) => told.push(heldMs) })
  await new Promise((resolve) => setTimeout(resolve, 5))
  for (let step = 0; step < 2; step++) {
    compute(30)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.equal(told.length, 2)
  assert.equal(watch.over, 2)
  assert.ok(watch.longestMs >= 20)
})
