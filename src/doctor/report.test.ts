import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { type Change, factsOf, NO_WAY, tcp } from './facts.fixture.ts'
import { renderText } from './render-text.ts'
import { DOCTOR_EXIT, logFields, reportOf } from './report.ts'

const BLOCKED: Change = {
  known: { tcp: { host: 'edge.example.com', attempts: [tcp('silent')], proxies: [] } },
  without: NO_WAY,
}

function reported(change: Change = {}) {
  const o = {
    run: 'run_1',
    role: 'connector',
    startedMs: Date.parse('2026-05-30T09:12:00Z'),
    durationMs: 4120.4,
  } as const
  return reportOf(diagnose(CHECKS, factsOf(change)), o)
}

test('text: hop, code and cause are the first line; then what was expected, seen, fix and verify', () => {
  const lines = renderText(reported(BLOCKED), false).split('\n')
  assert.equal(
    lines[0],
    'edge EGRESS_BLOCKED: The first packet gets no answer: a firewall on the path drops it.',
  )
  assert.deepEqual(lines.slice(1, 9), [
    '  expected  a connection to edge.example.com:443',
    '  seen      203.0.113.7:443 no answer in 10 s',
    '            the resolver 10.20.0.53 answers',
    '  fix       allow outbound TCP from this machine to 203.0.113.7 port 443',
    "            or, if this network has a proxy: echo 'PROXY:PORT' > /etc/backstitch/proxy",
    '  verify    nc -zv -w 4 edge.example.com 443',
    '            shows: succeeded',
    '  more      docs/faults.md, EGRESS_BLOCKED (scenario 5)',
  ])
  assert.match(lines.at(-1)!, /run_1, 4\.1 s/)
  assert.ok(lines.some((line) => /· TLS to the edge.*skipped: .*edge-tcp/.test(line)))
})

test('colour is for terminals only', () => {
  const colourCode = String.fromCharCode(27)
  assert.ok(!renderText(reported(BLOCKED), false).includes(colourCode))
  assert.ok(renderText(reported(BLOCKED), true).includes(colourCode))
})

test('the log event carries the headline, the evidence and the run', () => {
  const fields = logFields(reported(BLOCKED))
  assert.deepEqual(
    { event: fields.event, hop: fields.hop, code: fields.code, run: fields.run, scenario: fields.scenario },
    { event: 'doctor.verdict', hop: 'edge', code: 'EGRESS_BLOCKED', run: 'run_1', scenario: 5 },
  )
  assert.deepEqual(fields.seen, ['203.0.113.7:443 no answer in 10 s', 'the resolver 10.20.0.53 answers'])
})

const OUTCOMES: { name: string; change: Change; outcome: 'healthy' | 'fault' | 'unknown'; exit: number }[] = [
  { name: 'nothing wrong', change: {}, outcome: 'healthy', exit: 0 },
  { name: 'a fault', change: BLOCKED, outcome: 'fault', exit: 1 },
  {
    name: 'an edge nobody could look at',
    change: { without: ['tcp', 'dial', ...NO_WAY] },
    outcome: 'unknown',
    exit: 2,
  },
  { name: 'no pin to compare with', change: { patient: { pin: undefined } }, outcome: 'unknown', exit: 2 },
  { name: 'a clock daemon that cannot be asked', change: { without: ['sync'] }, outcome: 'healthy', exit: 0 },
]
for (const { name, change, outcome, exit } of OUTCOMES) {
  test(`${name}: ${outcome}, exit ${exit}`, () => {
    const report = reported(change)
    assert.equal(report.outcome, outcome)
    assert.equal(DOCTOR_EXIT[report.outcome], exit)
  })
}
