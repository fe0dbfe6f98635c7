import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Diagnosis, Judgement } from './diagnose.ts'
import { CertainSteps } from './steps.ts'

const passed: Judgement = { check: 'a', title: 'a', hop: 'edge', verdict: { is: 'pass', saw: 'ok' } }
const failed = {
  ...{ check: 'b', title: 'b', hop: 'edge' },
  verdict: {
    ...{ is: 'fail', fault: 'EGRESS_BLOCKED', expected: 'e', cause: 'c', seen: [], fix: [] },
    verify: { run: 'r', expect: 'x' },
  },
} as const satisfies Judgement

function diagnosis(o: Partial<Diagnosis>): Diagnosis {
  return { judgements: [], roots: [], certain: false, ...o }
}

test('what is certain is told once; a failure only when nothing can come before it', () => {
  const steps = new CertainSteps()
  const early = steps.take(diagnosis({ judgements: [passed, failed], roots: [failed] }))
  assert.deepEqual([early.steps.map(({ check }) => check), early.first], [['a'], undefined])
  const sure = steps.take(diagnosis({ judgements: [passed, failed], roots: [failed], certain: true }))
  assert.deepEqual([sure.steps.map(({ check }) => check), sure.first?.code], [['b'], 'EGRESS_BLOCKED'])
  const again = steps.take(diagnosis({ judgements: [passed, failed], roots: [failed], certain: true }))
  assert.deepEqual([again.steps, again.first], [[], undefined])
  assert.deepEqual(
    steps
      .rest([
        { check: 'c', title: 'c', hop: 'edge', verdict: 'skip', text: '' },
        { check: 'a', title: 'a', hop: 'edge', verdict: 'pass', text: '' },
      ])
      .map(({ check }) => check),
    ['c'],
  )
})
