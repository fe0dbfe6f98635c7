import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LabResult, timesOf, timesText } from './verdict-times.ts'

function result(variant: string, code: LabResult['code'], verdictMs?: number): LabResult {
  return { scenario: 'SCN-05', variant, code, cured: true, verdictMs, doctorMs: verdictMs, noticedMs: 10 }
}

const RESULTS = [
  result('reset', 'EGRESS_REJECTED', 700),
  result('drop', 'EGRESS_BLOCKED', 8000),
  result('nxdomain', 'EDGE_NAME_NXDOMAIN', 5600),
  { ...result('never', 'KEY_MISSING'), cured: false },
]

test('silence has a target of its own, and the slowest variant is named', () => {
  const { rows, cured, variants } = timesOf(RESULTS)
  const of = (what: string) => rows.find((row) => row.what.includes(what))
  assert.deepEqual([cured, variants], [3, 4])
  assert.deepEqual(
    { ...of('silent') },
    {
      ...{ what: 'verdict, the network is silent', count: 1, medianMs: 8000, worstMs: 8000 },
      ...{ worst: 'SCN-05:drop', targetMs: 10_000 },
    },
  )
  assert.equal(of('answers')!.worst, 'SCN-05:nxdomain')
  assert.equal(of('all')!.count, 3)
})

test('a target that is missed is said', () => {
  const text = timesText(timesOf(RESULTS))
  assert.match(text, /answers .*worst +5\.6 s \(SCN-05:nxdomain\) {2}under 5\.0 s: missed/)
  assert.match(text, /silent .*under 10\.0 s: met/)
})

test('without any result there is nothing to say', () => {
  assert.deepEqual(timesOf([]), { variants: 0, cured: 0, rows: [] })
})
