import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { newId } from '../../base/ids.ts'
import type { SessionNames } from '../../store/session-record.ts'
import { issuedGrant, reportedBy, sessionReportOf } from '../../store/sessions.fixture.ts'
import type { SessionReport } from '../../wire/control.ts'
import { enrolDevice, put } from '../agents/control.fixture.ts'
import { RestFixture } from './fixture.ts'

const grant = issuedGrant({ host: 'wiki.internal' }, 1_700_000_000_000)
const idOf = (n: number) => sessionReportOf(grant, n).session
/** Of session `n`, by the agent that the grant names. */
const report = (n: number, more: Partial<SessionReport> = {}, names: SessionNames = {}) =>
  reportedBy(grant, sessionReportOf(grant, n, { times: { totalUs: 900 }, ...more }), names)

test('a session is one record of what both ends and the control plane saw', async () => {
  await using rest = await RestFixture.open()
  const { sessions } = rest.store
  const connector = { side: 'connector', times: { dnsUs: 5, connectUs: 70 } } as const
  await Promise.all([
    sessions.merge(report(1, {}, { userName: 'alice' })),
    sessions.merge(report(1, connector)),
  ])
  const end = { state: 'closed', endedMs: 1_700_000_000_501 } as const
  await sessions.merge(report(1, { ...end, bytesUp: 5 }))
  const why = { closeReason: 'APP_RESET', closeHop: 'application' } as const
  await sessions.merge(report(1, { ...connector, ...end, ...why, bytesDown: 9 }))
  const { body } = await rest.ask('GET', `/api/v1/sessions/${idOf(1)}`)
  assert.deepEqual(body.times, { dnsUs: 5, connectUs: 70, totalUs: 900 })
  assert.equal(body.state, 'closed')
  assert.equal(
    body.closeReason,
    'APP_RESET',
    'the end that saw a fault knows more than the one that saw an end',
  )
  assert.equal(body.closeHop, 'application')
  assert.deepEqual([body.bytesUp, body.bytesDown], [5, 9])
  assert.equal(body.names.user, 'alice')
  assert.deepEqual(
    [body.user, body.device, body.connector, body.segment, body.rule, body.grant, body.host],
    [grant.userId, grant.deviceId, grant.connectorId, grant.segmentId, grant.ruleId, grant.id, grant.host],
  )
  assert.equal(body.startedAt, '2023-11-14T22:13:20.001Z')
  assert.equal(body.endedAt, '2023-11-14T22:13:20.501Z')
})

test("an agent cannot write into another's session", async () => {
  await using rest = await RestFixture.open()
  const { sessions } = rest.store
  const mine = sessions.merge(report(1))
  const theirs = sessions.merge({ ...report(1, { port: 22 }), agent: 'dev_2' })
  await mine
  await assert.rejects(theirs, { code: 'FORBIDDEN' })
  assert.equal((await rest.ask('GET', `/api/v1/sessions/${idOf(1)}`)).body.port, 443)
})

test('a device of which too many sessions were told is shown with how many are not on record', async () => {
  await using rest = await RestFixture.open()
  const user = await put(rest.store, 'user', 'alice')
  const device = await enrolDevice(rest.store, user.id, 'laptop')
  const shown = async () => (await rest.ask('GET', `/api/v1/client-devices/${device.id}`)).body.sessionsShed
  assert.equal(await shown(), undefined)
  const { allowance } = rest.store.sessions
  const flood = allowance.draft()
  while (flood.first('client', device.id, grant.id));
  flood.commit()
  const of = issuedGrant({ deviceId: device.id })
  const told = Array.from({ length: 200 }, (_, n) => reportedBy(of, sessionReportOf(of, n)))
  const lost = await rest.store.sessions.mergeAll(told)
  assert.ok(lost.length > 100 && lost.every(({ shedOf }) => shedOf === device.id))
  allowance.shed(device.id, lost.length)
  assert.equal(await shown(), lost.length)
})

test('lists are newest first and filtered', async () => {
  await using rest = await RestFixture.open()
  const numbers = new Map<string, number>()
  const users = [0, 1, 2, 3, 4, 5].map(() => newId('usr'))
  const told = [1, 2, 3, 4, 5].map((n) => {
    const of = issuedGrant({ userId: users[n]! }, 1_700_000_000_000 + n)
    const report = sessionReportOf(of, 1, n % 2 ? {} : { state: 'closed' })
    numbers.set(report.session, n)
    return reportedBy(of, report)
  })
  await rest.store.sessions.mergeAll(told)
  const ids = async (query: string) =>
    (await rest.ask('GET', `/api/v1/sessions?${query}`)).body.items.map((item: { id: string }) =>
      numbers.get(item.id),
    )
  assert.deepEqual(await ids(''), [5, 4, 3, 2, 1])
  assert.deepEqual(await ids('state=closed'), [4, 2])
  assert.deepEqual(await ids(`user=${users[3]}`), [3])
  assert.deepEqual(await ids('closeReason=APP_RESET'), [])
  const page = await rest.ask('GET', '/api/v1/sessions?limit=2')
  assert.deepEqual(await ids(`limit=2&cursor=${page.body.next}`), [3, 2])
})

test('the stream tells each session as it opens and closes, until the reader goes', async () => {
  await using rest = await RestFixture.open()
  await rest.store.sessions.merge(report(1))
  const request = http.get({
    host: '127.0.0.1',
    port: rest.port,
    path: '/api/v1/sessions/stream',
    headers: { authorization: `Bearer ${rest.owner}` },
  })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  assert.equal(response.headers['content-type'], 'application/jsonl')
  const lines = createInterface(response)[Symbol.asyncIterator]()
  const next = async () => JSON.parse(String((await lines.next()).value))

  await rest.store.sessions.merge(report(2))
  assert.deepEqual([(await next()).id, 'open'], [idOf(2), 'open'], 'what was before is not told')
  await rest.store.sessions.merge(report(2, { state: 'closed' }))
  assert.equal((await next()).state, 'closed')
  response.destroy()
  await once(response, 'close')
})
