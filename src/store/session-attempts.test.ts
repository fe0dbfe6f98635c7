import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SessionReport } from '../wire/control.ts'
import type { IssuedGrant } from './revocations.ts'
import { issuedGrant, reportedBy, sessionReportOf } from './sessions.fixture.ts'
import { openStore } from './store.ts'

const first = issuedGrant()
/** Of the same device, through another connector. */
const second = issuedGrant({ deviceId: first.deviceId, userId: first.userId })
const failed = { state: 'closed', closeReason: 'CONNECTOR_OVERLOADED', closeHop: 'connector' } as const

async function listed(told: readonly [IssuedGrant, Partial<SessionReport>][], filter = {}) {
  await using store = await openStore({ file: ':memory:' })
  for (const [grant, over] of told)
    await store.sessions.merge(reportedBy(grant, sessionReportOf(grant, 1, over)))
  return (await store.sessions.list({ limit: 10 }, filter)).items
}

const idOf = (grant: IssuedGrant) => sessionReportOf(grant, 1).session
const went: [IssuedGrant, Partial<SessionReport>] = [first, { ...failed, continuedAs: idOf(second) }]

test('an attempt that failed stands in the session that came of it, whoever tells first', async () => {
  const connector: [IssuedGrant, Partial<SessionReport>] = [first, { ...failed, side: 'connector' }]
  const last: [IssuedGrant, Partial<SessionReport>] = [second, { state: 'closed' }]
  for (const told of [
    [went, connector, last],
    [connector, last, went],
    [last, went, connector],
  ]) {
    const [record, ...others] = await listed(told)
    assert.deepEqual(others, [])
    assert.equal(record!.closeReason, 'done')
    assert.deepEqual(
      record!.attempts!.map(({ id, connector: through, closeReason }) => [id, through, closeReason]),
      [[idOf(first), first.connectorId, 'CONNECTOR_OVERLOADED']],
    )
  }
})

test('an attempt is listed for itself while nobody has told what came of it, and for whoever asks for its connector', async () => {
  assert.deepEqual(
    (await listed([went])).map(({ id }) => id),
    [idOf(first)],
  )
  const there = await listed([went, [second, {}]], { connector: first.connectorId })
  assert.deepEqual(
    there.map(({ id, continuedAs }) => [id, continuedAs]),
    [[idOf(first), idOf(second)]],
  )
})

test('a device hides no session behind that of another one, nor one in which the application took part', async () => {
  const stranger = issuedGrant()
  const behind: [IssuedGrant, Partial<SessionReport>] = [first, { ...failed, continuedAs: idOf(stranger) }]
  const others = await listed([[stranger, {}], behind])
  assert.equal(others.length, 2)
  assert.ok(others.every(({ attempts }) => attempts === undefined))
  const used: Partial<SessionReport> = { side: 'connector', state: 'closed', bytesUp: 9, bytesDown: 9 }
  const refused: Partial<SessionReport> = {
    ...{ side: 'connector', state: 'closed', closeReason: 'APP_REFUSED', closeHop: 'application' },
  }
  for (const told of [used, refused])
    assert.equal((await listed([went, [first, told], [second, {}]])).length, 2)
})
