import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newId } from '../base/ids.ts'
import type { SessionReport } from '../wire/control.ts'
import { joinSession, type KnownSession, recordOf, type SessionNames } from './session-record.ts'
import { knownSessionOf, sessionRowOf } from './session-row.ts'
import { issuedGrant, reportedBy, sessionReportOf } from './sessions.fixture.ts'

const AT_MS = 1_790_000_000_000
const grant = issuedGrant({ host: 'a.example', ports: { tcp: [[1, 2]], udp: [[1, 2]] } }, AT_MS)
const few = <T>(...values: T[]) => fc.constantFrom(...values)
const maybe = <T>(...values: T[]) => fc.option(few(...values), { nil: undefined })

/** Sides that say the same, or not, or nothing. */
const report = (side: SessionReport['side']) =>
  fc
    .record({
      state: few('open' as const, 'closed' as const),
      ...{ protocol: few('tcp' as const, 'udp' as const), port: few(1, 2) },
      ...{ run: maybe('run-1'), pipe: maybe('pip_1', 'pip_2'), edge: maybe('edg_1', 'edg_2') },
      address: maybe('10.0.0.1'),
      ...{ startedMs: few(10, 11), endedMs: maybe(20, 21), bytesUp: few(0, 5), bytesDown: few(0, 7) },
      times: few({}, { totalUs: 1 }, { dnsUs: 2, connectUs: 3 }),
      closeReason: maybe('done' as const, 'APP_RESET' as const),
      ...{ closeHop: maybe('client' as const), closeDetail: maybe('why') },
      continuedAs: maybe('ses_2'),
    })
    .map((more) => sessionReportOf(grant, 1, { side, ...more }))
const names: fc.Arbitrary<SessionNames> = fc
  .record({
    ...{ userName: maybe('ada'), segmentName: maybe('wiki'), edgeName: maybe('home', 'east') },
    ...{ edgeBecause: maybe('the nearest'), canary: maybe(true as const) },
  })
  .map((some) => clean(some) as SessionNames)

test('a record is read from its row as it was, whatever its sides have in common', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), report('client'), report('connector'), names), {
        minLength: 1,
        maxLength: 4,
      }),
      (told) => {
        let known: KnownSession | undefined
        for (const [isClient, client, connector, found] of told) {
          try {
            known = joinSession(known, reportedBy(grant, isClient ? client : connector, found))
          } catch {
            continue // an end that contradicts itself
          }
          const back = knownSessionOf(sessionRowOf(known, 1))
          assert.deepEqual(clean(back), clean(known))
          assert.deepEqual(clean(recordOf(back)), clean(recordOf(known)))
        }
      },
    ),
  )
})

test('rows of earlier versions are read: with the whole record in them, and with what ends said of who and where', () => {
  const session = newId('ses', AT_MS)
  const side = { session, side: 'client', state: 'open', device: 'dev_1', protocol: 'tcp', host: 'a.example' }
  const client = {
    ...side,
    port: 1,
    startedMs: 10,
    times: { totalUs: 5 },
    bytesUp: 0,
    bytesDown: 0,
    run: 'r',
  }
  const row = {
    ...{ id: session, state: 'open', startedMs: 10, endedMs: null, userId: 'usr_1', deviceId: 'dev_1' },
    ...{ connectorId: null, edgeId: 'edg_1', segmentId: null, ruleId: null, host: 'a.example', port: 1 },
    ...{ closeReason: null, clientOnly: 0 as const, continuedAs: null, revision: 1 },
  }
  const whole = { id: session, sides: { client }, protocol: 'tcp', userName: 'ada', user: 'usr_1' }
  const kept = {
    p: 'tcp',
    f: { userName: 'ada' },
    c: { times: { totalUs: 5 }, bytesUp: 0, bytesDown: 0, run: 'r', user: null },
  }
  for (const record of [whole, kept]) {
    const known = knownSessionOf({ ...row, record: JSON.stringify(record) })
    const { userName, user, device, host, port, times, sides } = recordOf(known)
    assert.deepEqual(
      { userName, user, device, host, port, times },
      { userName: 'ada', user: 'usr_1', device: 'dev_1', host: 'a.example', port: 1, times: { totalUs: 5 } },
    )
    assert.equal(sides.client?.startedMs, 10)
    assert.equal('device' in sides.client!, false)
    assert.equal(known.client?.run, 'r')
  }
})

test('a row of a usual session is a fraction of a page', () => {
  const side = (name: SessionReport['side'], times: SessionReport['times']) =>
    sessionReportOf(grant, 1, {
      ...{ side: name, state: 'closed', pipe: newId('pip'), edge: newId('edg'), times },
      ...{ address: '10.1.2.3', startedMs: AT_MS, endedMs: AT_MS + 100, bytesUp: 1234, bytesDown: 56_789 },
    })
  const given = { userName: 'ada@corp.example', deviceName: 'laptop', segmentName: 'wiki', ruleName: 'staff' }
  const first = joinSession(undefined, reportedBy(grant, side('client', { totalUs: 1840 }), given))
  const known = joinSession(first, reportedBy(grant, side('connector', { dnsUs: 210, connectUs: 412 })))
  assert.ok(sessionRowOf(known, 1).record.length < 600, sessionRowOf(known, 1).record)
})

test('what an end has said of its end is its last word', () => {
  const client = (more: Partial<SessionReport>) =>
    reportedBy(grant, sessionReportOf(grant, 1, { port: 1, ...more }))
  const ended = joinSession(undefined, client({ state: 'closed', bytesUp: 5 }))
  assert.equal(joinSession(ended, client({ state: 'closed', endedMs: AT_MS + 11 })), ended)
  assert.equal(joinSession(ended, client({ state: 'open' })), ended)
  for (const agent of ['dev_2', grant.connectorId]) {
    assert.throws(() => joinSession(ended, { ...client({}), agent }), { code: 'FORBIDDEN' })
  }
})

/** Without what is not there. */
function clean(value: object): unknown {
  return JSON.parse(JSON.stringify(value))
}
