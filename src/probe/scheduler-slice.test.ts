import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { keepTurnsShort } from './scheduler-slice.ts'

/** In nanoseconds, as the kernel says it; nothing where it does not. */
function sliceOfKernel(): number | undefined {
  const found = /se\.slice\s*:\s*(\d+)/.exec(readFileSync('/proc/thread-self/sched', 'utf8'))
  return found === null ? undefined : Number(found[1])
}

test('the kernel gives this thread short turns, where it can', async (t) => {
  const before = sliceOfKernel()
  if (before === undefined) return t.skip('this kernel does not tell how long turns are')
  using _turns = await keepTurnsShort()
  const after = sliceOfKernel()!
  // One of before 6.12 takes it, and changes nothing.
  assert.ok(after === 100_000 || after === before, `${after} ns`)
})

test('turns are long while there is much to do, and short again after it', async () => {
  const asked: bigint[] = []
  using _turns = await keepTurnsShort((sliceNs) => asked.push(sliceNs) > 0)
  assert.deepEqual(asked, [100_000n])
  while (asked.length < 2) {
    const untilMs = performance.now() + 20
    while (performance.now() < untilMs);
    await new Promise(setImmediate)
  }
  assert.deepEqual(asked, [100_000n, 0n])
  while (asked.length < 3) await pause(50)
  assert.equal(asked[2], 100_000n)
})

test('where the kernel refuses, it is asked once', async () => {
  let asks = 0
  const refusing = () => {
    asks++
    return false
  }
  using _turns = await keepTurnsShort(refusing)
  assert.equal(asks, 1)
})
