import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientSessionTotals } from '../session/client-session-totals.ts'
import type { ClientDecision } from '../session/decisions.ts'
import { type EngineDetails, joinDetails, pastOf, sumOfFigures } from './engine-status.ts'

function figures(failed: number) {
  const totals = new ClientSessionTotals()
  for (let n = 0; n < failed; n++) totals.fail('APP_REFUSED')
  totals.total = failed + 1
  totals.opened(1500)
  const counts = {
    open: 2,
    bypassed: 1,
    tunnels: 2,
    grants: 3,
    reportsWaiting: 4,
    reportsShed: 1,
    blockedPaths: 0,
  }
  return { ...counts, totals: totals.told }
}

test('figures of several processes add up, and what one of them counted stays when it has ended', () => {
  const sum = sumOfFigures([figures(1), pastOf(figures(2))])
  const { open, tunnels, bypassed, reportsShed, totals } = sum
  assert.deepEqual(
    { open, tunnels, bypassed, reportsShed },
    { open: 2, tunnels: 2, bypassed: 2, reportsShed: 2 },
  )
  assert.equal(totals.total, 5)
  assert.deepEqual(totals.failedBy, [['APP_REFUSED', 3]])
  const again = new ClientSessionTotals()
  again.addAll(totals)
  assert.deepEqual(again.setup.samples().at(-1), ['_count', 2])
})

test('details join: a note that two say is said once, decisions are newest first', () => {
  const decision = (at: string) => ({ at, outcome: 'sent' }) as ClientDecision
  const note = { code: 'RAW_PHASE_BLOCKED', hop: 'client', detail: 'edge' } as const
  const one: EngineDetails = {
    notes: [note],
    waiting: [],
    tunnels: [],
    grants: [],
    decisions: [decision('2026-12-01T10:00:02Z')],
  }
  const { notes, decisions } = joinDetails([one, { ...one, decisions: [decision('2026-12-01T10:00:03Z')] }])
  assert.equal(notes.length, 1)
  assert.deepEqual(
    decisions.map(({ at }) => at),
    ['2026-12-01T10:00:03Z', '2026-12-01T10:00:02Z'],
  )
})
