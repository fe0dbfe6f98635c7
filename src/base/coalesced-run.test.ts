import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CoalescedRun } from './coalesced-run.ts'

test('asked for during a run it is run once more, and what is thrown ends nothing', async () => {
  const errors: unknown[] = []
  const runs: PromiseWithResolvers<void>[] = []
  const coalesced = new CoalescedRun(
    () => {
      const run = Promise.withResolvers<void>()
      runs.push(run)
      return run.promise
    },
    (error) => errors.push(error),
  )
  const settled = () => new Promise(setImmediate)
  for (let n = 0; n < 5; n++) coalesced.ask()
  assert.equal(runs.length, 1)
  runs[0]!.reject('broken')
  await settled()
  assert.deepEqual(errors, ['broken'])
  assert.equal(runs.length, 2, 'the four others are one')
  runs[1]!.resolve()
  await settled()
  assert.equal(runs.length, 2)
  coalesced.ask()
  assert.equal(runs.length, 3)
  runs[2]!.resolve()
})
