import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atOnce, inSlices, nextTurn, turnIsOver } from './slices.ts'

function busyFor(ms: number): void {
  for (const endMs = performance.now() + ms; performance.now() < endMs; );
}

function* steps(count: number, stepMs: number) {
  let done = 0
  for (; done < count; done++) {
    busyFor(stepMs)
    yield
  }
  return done
}

/** Turns of the event loop while `work` runs. */
async function turnsOf(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let on = true
  const count = () => {
    turns++
    if (on) setImmediate(count)
  }
  setImmediate(count)
  await work
  on = false
  return turns
}

test('long work is put down, and gives what it would have given at once', async () => {
  const work = inSlices(steps(40, 1))
  assert.ok((await turnsOf(work)) >= 3)
  assert.equal(await work, 40)
  assert.equal(atOnce(steps(3, 0)), 3)
})

test('works that come at once share the slice: a hundred of them take as many turns as one that is as long', async () => {
  const all = Promise.all(Array.from({ length: 100 }, () => inSlices(steps(4, 0.5))))
  assert.ok((await turnsOf(all)) >= 20)
  assert.deepEqual(await all, Array(100).fill(4))
})

test('a turn in which nobody worked is not over', async () => {
  await nextTurn()
  assert.equal(turnIsOver(), false)
  busyFor(10)
  assert.equal(turnIsOver(), true)
  await nextTurn()
  assert.equal(turnIsOver(), false)
})
