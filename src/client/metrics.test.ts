import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SessionTotals, writeMetrics } from './metrics.ts'

test('every line is a comment or a sample, buckets add up, labels are fault codes', () => {
  const totals = new SessionTotals()
  totals.total = 5
  for (const us of [500, 1000, 1001, 20_000_000]) totals.opened(us)
  totals.fail('POLICY_DENIED')
  totals.fail('POLICY_DENIED')
  const text = writeMetrics({
    totals,
    open: 1,
    tunnels: 2,
    grants: 3,
    controlUp: true,
    reportsWaiting: 0,
    rawPhaseBlocked: 0,
  })
  for (const line of text.trimEnd().split('\n')) {
    assert.match(
      line,
      /^# (?:HELP|TYPE) backstitch_client_\w+ .+$|^backstitch_client_\w+(?:\{\w+="[\w.+]+"\})? [\d.]+$/,
    )
  }
  const sample = (name: string) => Number(new RegExp(`^backstitch_client_${name} (.*)$`, 'm').exec(text)?.[1])
  assert.equal(sample('sessions_failed_total\\{code="POLICY_DENIED"\\}'), 2)
  assert.equal(sample('session_setup_seconds_bucket\\{le="0.001"\\}'), 2)
  assert.equal(sample('session_setup_seconds_bucket\\{le="0.0025"\\}'), 3)
  assert.equal(sample('session_setup_seconds_bucket\\{le="10"\\}'), 3)
  assert.equal(sample('session_setup_seconds_bucket\\{le="\\+Inf"\\}'), 4)
  assert.equal(sample('session_setup_seconds_count'), 4)
  assert.equal(sample('control_up'), 1)
})
