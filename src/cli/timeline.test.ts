import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { SessionResource } from '../api/sessions.ts'
import { bytesText, milliseconds, sessionLine } from './session-line.ts'
import { sessionText, timeline } from './timeline.ts'

const SESSION: SessionResource = {
  kind: 'session',
  id: 'ses_01k8',
  state: 'closed',
  protocol: 'tcp',
  host: 'wiki.internal',
  port: 443,
  user: 'usr_1',
  names: { user: 'ann', connector: 'dc1-a' },
  connector: 'con_1',
  startedAt: '2026-11-21T01:42:14.643Z',
  times: { policyUs: 500, handoverUs: 4000, innerTlsUs: 2500, dnsUs: 1000, connectUs: 500, totalUs: 10_000 },
  bytesUp: 79,
  bytesDown: 1_530_000,
  closeReason: 'APP_RESET',
  closeHop: 'application',
  closeDetail: 'ECONNRESET',
  sides: {},
}

test('timeline: a bar per step, each from where the one before ended, and what is left is the way', () => {
  const lines = stripVTControlCharacters(timeline(SESSION.times)).split('\n')
  assert.deepEqual(
    lines.map((line) => line.slice(0, 29).trim()),
    [
      'control      policy',
      'edge         handover',
      'connector    end-to-end TLS',
      'dns          resolve',
      'application  connect',
      'client       transit, waiting',
      'user waited',
      'measured by the server (polic',
    ],
  )
  const starts = lines.slice(0, -3).map((line) => line.indexOf('█'))
  assert.deepEqual(
    starts,
    starts.toSorted((a, b) => a - b),
  )
  assert.match(lines[1]!, / 4\.0 ms {2,}█{16}$/)
  assert.match(lines.at(-3)!, /^client +transit, waiting +1\.5 ms +between the steps$/)
  assert.match(lines.at(-2)!, /10 ms$/)
  assert.equal(
    lines.at(-1),
    'measured by the server (policy, selection), the device (ticket to TLS, and total), the connector (resolve, connect), each with its own clock',
  )
})

test('timeline: the order is that of the way, whatever order the record has', () => {
  const { totalUs, ...times } = SESSION.times
  const turned = Object.fromEntries(Object.entries(times).reverse())
  assert.equal(timeline({ ...turned, totalUs }), timeline(SESSION.times))
})

test('timeline: steps that ran side by side are said to, and no bar leaves the page', () => {
  const text = stripVTControlCharacters(timeline({ handoverUs: 9000, innerTlsUs: 9000, totalUs: 10_000 }))
  assert.match(text, /^ +in parallel +8\.0 ms +steps that overlapped$/m)
  for (const line of text.split('\n').filter((one) => one.includes('█')))
    assert.ok(line.lastIndexOf('█') < 80)
})

test('timeline: a session in a tunnel that was open says so', () => {
  assert.match(
    stripVTControlCharacters(timeline({ connectUs: 300, totalUs: 900 })),
    /a tunnel to the connector was already open/,
  )
})

test('timeline: measured steps that add up to more than the total do not break it', () => {
  assert.doesNotThrow(() => timeline({ handoverUs: 9000, innerTlsUs: 9000, totalUs: 10 }))
  assert.doesNotThrow(() => timeline({}))
})

test('describe session: who, where to, why it ended and what to do', () => {
  const text = stripVTControlCharacters(sessionText(SESSION))
  assert.match(text, /user +ann usr_1/)
  assert.match(text, /^started +2026-11-21T01:42:14\.643Z, by the server's clock$/m)
  assert.match(text, /destination +wiki\.internal:443\/tcp/)
  assert.match(text, /APP_RESET \(application\): The application reset the connection: ECONNRESET/)
  assert.match(text, /fix: Check the application's log/)
})

test('one line for a session, with figures a person can read', () => {
  const line = stripVTControlCharacters(sessionLine(SESSION))
  assert.match(
    line,
    /ann -> wiki\.internal:443 +APP_RESET \(application\) +set up in 10 ms +79 B up, 1\.53 MB down/,
  )
  assert.deepEqual([0, 999, 1000, 1_234_567].map(bytesText), ['0 B', '999 B', '1.00 kB', '1.23 MB'])
  assert.deepEqual([420, 3100, 13_400].map(milliseconds), ['0.42 ms', '3.1 ms', '13 ms'])
})

test('a session that failed over says what was tried before, and where that went on', () => {
  const lines = (session: SessionResource) => stripVTControlCharacters(sessionText(session)).split('\n')
  const attempt = {
    ...{ id: 'ses_01k7', connector: 'con_0', connectorName: 'dc1-b', startedAt: SESSION.startedAt },
    ...({
      closeReason: 'FD_EXHAUSTED',
      closeHop: 'connector',
      closeDetail: 'no descriptor is left',
    } as const),
  }
  assert.ok(
    lines({ ...SESSION, attempts: [attempt] }).includes(
      'tried before dc1-b con_0: FD_EXHAUSTED (connector): no descriptor is left; session ses_01k7',
    ),
  )
  assert.ok(lines({ ...SESSION, continuedAs: 'ses_01k8' }).includes('continued as ses_01k8'))
})
