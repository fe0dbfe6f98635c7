import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
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

/** A clock that only goes on when it is told to, whatever else the machine does. */
function clockOf(t: TestContext): (ms: number) => void {
  let nowMs = performance.now()
  t.mock.method(performance, 'now', () => nowMs)
  return (ms) => {
    nowMs += ms
  }
}

test('a turn in which nobody worked is not over', async (t) => {
  const pass = clockOf(t)
  await nextTurn()
  assert.equal(turnIsOver(), false)
  pass(3)
  assert.equal(turnIsOver(), true)
  await nextTurn()
  assert.equal(turnIsOver(), false)
})

test('a slice is short where nobody else works, and as long as the others work, up to a bound', async (t) => {
  const pass = clockOf(t)
  for (const [othersMs, sliceMs] of [
    [0, 2],
    [9, 9],
    [500, 12],
    [0, 2],
  ] as const) {
    const going = nextTurn()
    pass(othersMs)
    await going
    pass(sliceMs - 0.5)
    assert.equal(turnIsOver(), false)
    pass(1)
    assert.equal(turnIsOver(), true)
  }
})
