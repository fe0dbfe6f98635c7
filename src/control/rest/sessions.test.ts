import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { SessionReport } from '../../wire/control.ts'
import { RestFixture } from './fixture.ts'

const report = (n: number, more: Partial<SessionReport> = {}): SessionReport => ({
  session: `ses_${String(n).padStart(26, '0')}`,
  side: 'client',
  state: 'open',
  protocol: 'tcp',
  host: 'wiki.internal',
  port: 443,
  device: 'dev_1',
  startedMs: 1_700_000_000_000 + n,
  times: { totalUs: 900 },
  bytesUp: 0,
  bytesDown: 0,
  ...more,
})

test('a session is one record of what both ends and the control plane saw', async () => {
  await using rest = await RestFixture.open()
  const { sessions } = rest.store
  await Promise.all([
    sessions.merge(report(1), { userName: 'alice', user: 'usr_1', times: { policyUs: 40 } }),
    sessions.merge(
      report(1, {
        side: 'connector',
        device: undefined,
        connector: 'con_1',
        times: { dnsUs: 5, connectUs: 70 },
      }),
    ),
  ])
  await sessions.merge(
    report(1, { state: 'closed', endedMs: 1_700_000_000_500, closeReason: 'done', bytesUp: 5 }),
  )
  await sessions.merge(
    report(1, {
      side: 'connector',
      device: undefined,
      connector: 'con_1',
      state: 'closed',
      times: { dnsUs: 5, connectUs: 70 },
      bytesDown: 9,
      closeReason: 'APP_RESET',
      closeHop: 'application',
    }),
  )
  const { body } = await rest.ask('GET', `/api/v1/sessions/${report(1).session}`)
  assert.deepEqual(body.times, { dnsUs: 5, connectUs: 70, totalUs: 900, policyUs: 40 })
  assert.equal(body.state, 'closed')
  assert.equal(
    body.closeReason,
    'APP_RESET',
    'the end that saw a fault knows more than the one that saw an end',
  )
  assert.equal(body.closeHop, 'application')
  assert.deepEqual([body.bytesUp, body.bytesDown], [5, 9])
  assert.equal(body.names.user, 'alice')
  assert.equal(body.sides.connector.connector, 'con_1')
  assert.equal(body.endedAt, '2023-11-14T22:13:20.500Z')
})

test("an agent cannot write into another's session", async () => {
  await using rest = await RestFixture.open()
  const { sessions } = rest.store
  const mine = sessions.merge(report(1))
  const theirs = sessions.merge(report(1, { device: 'dev_2', host: 'forged' }))
  await mine
  await assert.rejects(theirs, { code: 'FORBIDDEN' })
  assert.equal((await rest.ask('GET', `/api/v1/sessions/${report(1).session}`)).body.host, 'wiki.internal')
})

test('lists are newest first and filtered', async () => {
  await using rest = await RestFixture.open()
  for (let n = 1; n <= 5; n++) {
    void rest.store.sessions.merge(report(n, n % 2 ? {} : { state: 'closed', closeReason: 'done' }), {
      user: `usr_${n}`,
    })
  }
  const ids = async (query: string) =>
    (await rest.ask('GET', `/api/v1/sessions?${query}`)).body.items.map((item: { id: string }) =>
      Number(item.id.slice(4)),
    )
  assert.deepEqual(await ids(''), [5, 4, 3, 2, 1])
  assert.deepEqual(await ids('state=closed'), [4, 2])
  assert.deepEqual(await ids('user=usr_3'), [3])
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
  assert.deepEqual([(await next()).id, 'open'], [report(2).session, 'open'], 'what was before is not told')
  await rest.store.sessions.merge(report(2, { state: 'closed', closeReason: 'done' }))
  assert.equal((await next()).state, 'closed')
  response.destroy()
  await once(response, 'close')
})
