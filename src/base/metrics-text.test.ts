import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counts, Durations, MetricsText } from './metrics-text.ts'

test('MetricsText: name, help, type and samples as the exposition format has them', () => {
  const failed = new Counts<'A' | 'B'>()
  for (const word of ['A', 'B', 'A'] as const) failed.add(word)
  const text = new MetricsText('backstitch_test')
  text.gauge('open', 'Open now', 3)
  text.gauge('unknown', 'Not known here', undefined)
  text.counter('failed_total', 'Failed, by code', failed.samples('code'))
  text.oneOf('state', 'What holds', 'state', ['up', 'down'], 'down')
  assert.equal(
    String(text),
    [
      '# HELP backstitch_test_open Open now',
      '# TYPE backstitch_test_open gauge',
      'backstitch_test_open 3',
      '# HELP backstitch_test_failed_total Failed, by code',
      '# TYPE backstitch_test_failed_total counter',
      'backstitch_test_failed_total{code="A"} 2',
      'backstitch_test_failed_total{code="B"} 1',
      '# HELP backstitch_test_state What holds',
      '# TYPE backstitch_test_state gauge',
      'backstitch_test_state{state="up"} 0',
      'backstitch_test_state{state="down"} 1',
      '',
    ].join('\n'),
  )
})

test('Durations: buckets hold what is at most their bound and everything below, sum and count agree', () => {
  const durations = new Durations()
  for (const us of [500, 1000, 1001, 20_000_000]) durations.observe(us)
  const samples = Object.fromEntries(durations.samples())
  assert.equal(samples['_bucket{le="0.001"}'], 2)
  assert.equal(samples['_bucket{le="0.0025"}'], 3)
  assert.equal(samples['_bucket{le="10"}'], 3)
  assert.equal(samples['_bucket{le="+Inf"}'], 4)
  assert.equal(samples._count, 4)
  assert.ok(Math.abs(samples._sum! - 20.002501) < 1e-9)
})
