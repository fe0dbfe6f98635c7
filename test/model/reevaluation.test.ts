/**
 * After each change the sessions that live are those that the policy allows when it is asked afresh for each: nothing is
 * cut that is allowed, nothing stands that is denied. Policies, devices, times and changes are drawn by a seed.
 *
 * `BACKSTITCH_MODEL_RUNS` runs so many sequences, `BACKSTITCH_MODEL_SEED` begins at that one.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anyStep, beginning } from './any-change.ts'
import { Random } from './random.ts'
import { run, type Tally } from './run.ts'
import { shrink } from './shrink.ts'

const RUNS = Number(process.env.BACKSTITCH_MODEL_RUNS ?? 6)
const SEED = Number(process.env.BACKSTITCH_MODEL_SEED ?? 1)
const STEPS = 40
const SHRINK_MS = 60_000

function sequenceOf(seed: number) {
  const random = new Random(seed)
  return [...beginning(random), ...Array.from({ length: STEPS }, () => anyStep(random)).flat()]
}

test('after each change the sessions that live are those that the policy, asked afresh for each, allows', async (t) => {
  const tally: Tally = { changes: 0, asked: 0, opened: 0, cut: 0, stood: 0 }
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const sequence = sequenceOf(seed)
    const wrong = await run(sequence, tally)
    if (wrong === undefined) continue
    const shortest = await shrink(
      sequence.slice(0, wrong.at + 1),
      async (some) => (await run(some)) !== undefined,
      performance.now() + SHRINK_MS,
    )
    const what = (await run(shortest))?.what ?? wrong.what
    const lines = shortest.map((change) => `  ${JSON.stringify(change)}`)
    assert.fail(`seed ${seed}: ${what}, behind these changes:\n${lines.join('\n')}`)
  }
  t.diagnostic(`seeds ${SEED} to ${SEED + RUNS - 1}: ${JSON.stringify(tally)}`)
  assert.ok(
    tally.opened > RUNS && tally.cut > 0 && tally.stood > 0,
    `a world in which something happens: ${JSON.stringify(tally)}`,
  )
})
