import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultCode } from '../../base/faults.ts'
import type { TraceStep } from '../../wire/control.ts'
import type { ApplicationReport } from '../presence/applications.ts'
import { knownTroubles, stepFrom } from './known.ts'

const NOW = 100_000

function word(over: Partial<ApplicationReport> = {}, code?: FaultCode) {
  const fault = code && ({ code, hop: 'application', detail: `x:443: ${code} it is` } as const)
  const told = {
    ...{ segment: 'seg_1', connector: 'con_1', host: 'x', port: 443 },
    ok: true,
    atMs: NOW - 20_000,
  }
  return { id: 'con_1', name: 'one', notes: [], told: { ...told, probe: false, fault, ...over } }
}
const step = (hop: TraceStep['hop'], text: string): TraceStep => ({ hop, verdict: 'pass', text })
const QUIET = [step('application', 'it keeps the connection open and waits for a request')]

test('everything that is known is said with who said it, how, and how long ago', () => {
  const overload = { code: 'CONNECTOR_OVERLOADED', hop: 'connector', detail: 'cpu 97 %' } as const
  const members = [
    word(),
    { ...word({ ok: false, probe: true }, 'APP_REFUSED'), name: 'two' },
    { ...word({}, 'APP_SILENT'), name: 'three', notes: [overload] },
    { id: 'con_4', name: 'four', notes: [] },
  ]
  assert.deepEqual(
    knownTroubles(members, NOW).map(({ from, text }) => `${from} ${text}`),
    [
      'one connects to it: a session 20 s ago',
      'two APP_REFUSED: x:443: APP_REFUSED it is; its own check 20 s ago',
      'three connects, but APP_SILENT: x:443: APP_SILENT it is; a session 20 s ago',
      'three from its own check: CONNECTOR_OVERLOADED: cpu 97 %',
    ],
  )
})

test('what the connector knows and a canary cannot see is the verdict of its hop', () => {
  for (const [code, hop] of [
    ['APP_SILENT', 'application'],
    ['PATH_MTU', 'application'],
    ['APP_TLS_NAME', 'tls'],
  ] as const) {
    const more = stepFrom(word({}, code), QUIET, NOW)
    assert.deepEqual([more?.hop, more?.verdict, more?.fault?.code], [hop, 'fail', code])
    assert.equal(more?.text, `x:443: ${code} it is, reported by one (20 s ago)`)
  }
})

test('what the trace itself has just seen otherwise stands', () => {
  const greets = [step('application', 'it sends a greeting: SSH-2.0')]
  assert.equal(stepFrom(word({}, 'APP_SILENT'), greets, NOW), undefined)
  assert.equal(
    stepFrom(word({}, 'APP_TLS_NAME'), [step('tls', 'TLSv1.3, its certificate has x')], NOW),
    undefined,
  )
  assert.equal(stepFrom(word({ ok: false }, 'APP_REFUSED'), QUIET, NOW), undefined, 'it was connected to')
  assert.equal(stepFrom(word({}, 'PATH_MTU'), greets, NOW)?.verdict, 'fail', 'a greeting is small')
  assert.equal(stepFrom(word(), QUIET, NOW), undefined)
})

test('of UDP nothing is seen, so what sessions had is all there is', () => {
  const unknown: TraceStep[] = [{ hop: 'application', verdict: 'unknown', text: 'nothing tells' }]
  const answered = stepFrom(word({ protocol: 'udp' }), unknown, NOW)
  assert.deepEqual([answered?.verdict, answered?.text], ['pass', 'one received datagrams from it 20 s ago'])
  const refused = stepFrom(word({ protocol: 'udp', ok: false }, 'APP_REFUSED'), unknown, NOW)
  assert.deepEqual([refused?.verdict, refused?.fault?.code], ['fail', 'APP_REFUSED'])
})
