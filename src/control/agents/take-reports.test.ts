import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newId } from '../../base/ids.ts'
import { CLIENT_NUMBERS } from '../../base/session-id.ts'
import { ALLOWANCE } from '../../store/session-allowance.ts'
import { issuedGrant, sessionReportOf } from '../../store/sessions.fixture.ts'
import type { SessionReport } from '../../wire/control.ts'
import { connected, openControl } from './control.fixture.ts'
import { objectionTo, takeReports } from './take-reports.ts'

const DAY_MS = 86_400_000
const NOW_MS = Date.now()
const grant = issuedGrant({ ports: { tcp: [[443, 443]], udp: [[53, 53]] } }, NOW_MS)
const report = (more: Partial<SessionReport>) => sessionReportOf(grant, 1, { startedMs: NOW_MS, ...more })

test('reports of honest agents are taken, with the difference of clocks that certificates bear', () => {
  for (const good of [
    report({}),
    report({ protocol: 'udp', port: 53 }),
    report({ startedMs: NOW_MS + DAY_MS / 2 }),
    report({ startedMs: NOW_MS - 90 * DAY_MS }),
    report({ state: 'closed', endedMs: NOW_MS }),
    sessionReportOf(grant, CLIENT_NUMBERS - 1),
    sessionReportOf(grant, CLIENT_NUMBERS, { side: 'connector' }),
  ]) {
    assert.equal(objectionTo(good, grant, NOW_MS), undefined)
  }
})

test('what cannot be true is refused: made-up ids, other ports, sessions of the future, ends before the beginning', () => {
  for (const [bad, why] of [
    [{ session: 'zzzz' }, /id/],
    [{ session: newId('dev') }, /id/],
    [{ session: newId('ses', NOW_MS) }, /id/],
    [{ session: sessionReportOf(issuedGrant({}, NOW_MS), 1).session }, /id/],
    [{ session: sessionReportOf({ ...grant, expiresMs: NOW_MS + DAY_MS }, 1).session }, /id/],
    [{ session: sessionReportOf(grant, CLIENT_NUMBERS).session }, /connectors/],
    [{ port: 22 }, /tcp 22/],
    [{ protocol: 'udp' }, /udp 443/],
    [{ startedMs: 253_402_300_799_999 }, /future/],
    [{ state: 'closed', endedMs: 1 }, /before/],
    [{ state: 'closed', endedMs: NOW_MS + 2 * DAY_MS }, /future/],
    [{ state: 'closed', endedMs: undefined }, /no end/],
    [{ endedMs: NOW_MS }, /open/],
  ] as const) {
    assert.match(objectionTo(report(bad), grant, NOW_MS) ?? '', why)
  }
})

/** A control plane with grants of two devices, and everyone who might tell of sessions on them. */
async function world() {
  const control = await openControl()
  const { parts, store } = control
  const ports = { tcp: [[1, 1000]], udp: [[1, 1000]] } as const
  const [dev1, dev2, con1, con2] = [newId('dev'), newId('dev'), newId('con'), newId('con')]
  const grants = [
    issuedGrant({ deviceId: dev1, connectorId: con1, host: 'payroll.example', ports }),
    issuedGrant({ deviceId: dev1, connectorId: con2, host: 'wiki.example', ports }),
    issuedGrant({ deviceId: dev2, connectorId: con1, host: 'wiki.example', ports }),
  ]
  for (const [at, issued] of grants.entries()) {
    await store.revocations.issued(issued)
    if (at > 0) parts.live.add(issued) // the first has ended: only the store knows it
  }
  const agents = {
    ...{
      dev1: connected('client', dev1),
      dev2: connected('client', dev2),
      stranger: connected('client', newId('dev')),
    },
    ...{ con1: connected('connector', con1), con2: connected('connector', con2) },
  }
  const tell = async (who: keyof typeof agents, reports: SessionReport[]) => {
    const told = { type: 'session', id: 'req_1', reports, shed: 0 } as const
    const answer = await takeReports(parts, agents[who], told)
    assert.ok(answer.type === 'session-kept')
    return answer.refused
  }
  // Reports wait for others, a tenth of a second long.
  const hurry = setInterval(() => void store.sessions.flush(), 1)
  const end = async () => {
    clearInterval(hurry)
    await control[Symbol.asyncDispose]()
  }
  return { store, grants, tell, [Symbol.asyncDispose]: end }
}

test('whatever anybody tells, in whatever order: what a grant fixes stays, each side is its own, and nothing is made up', async () => {
  await using opened = await world()
  const { store, grants, tell } = opened
  const unknown = issuedGrant({}, NOW_MS)
  const all = [...grants, unknown]
  const some = fc.record({
    who: fc.constantFrom('dev1', 'dev2', 'stranger', 'con1', 'con2'),
    of: fc.nat(all.length - 1),
    /** Of which grant the id is. */
    id: fc.nat(all.length - 1),
    number: fc.nat(3),
    state: fc.constantFrom('open', 'closed'),
    side: fc.constantFrom('client', 'connector'),
    port: fc.constantFrom(22, 80, 2000),
    laterMs: fc.nat(1),
    bytes: fc.nat(1000),
  })
  type Fixed = { port: number; protocol: string; startedMs: number; side: Partial<Record<string, unknown>> }
  const first = new Map<string, Fixed>()
  await fc.assert(
    fc.asyncProperty(fc.array(some, { minLength: 1, maxLength: 12 }), async (told) => {
      for (const { who, of, id, number, laterMs, bytes, ...more } of told) {
        const { session, startedMs } = sessionReportOf(all[id]!, number)
        const one = sessionReportOf(all[of]!, number, {
          ...{ session, startedMs: startedMs + laterMs, bytesUp: bytes, ...more },
        } as Partial<SessionReport>)
        await tell(who, [one])
      }
      for (const record of (await store.sessions.list({ limit: 500 })).items) {
        const issued = grants.find((one) => one.id === record.grant)!
        assert.ok(issued, 'a session of no grant')
        assert.deepEqual(
          [record.user, record.device, record.connector, record.segment, record.rule, record.host],
          [issued.userId, issued.deviceId, issued.connectorId, issued.segmentId, issued.ruleId, issued.host],
        )
        assert.ok(record.port === 22 || record.port === 80)
        const { client, connector } = record.sides
        const before = first.get(record.id)
        const now = {
          port: record.port,
          protocol: record.protocol,
          startedMs: record.startedMs,
          side: { client, connector },
        }
        if (before !== undefined) {
          assert.equal(now.startedMs, before.startedMs)
          for (const side of ['client', 'connector'] as const) {
            const was = before.side[side] as SessionReport | undefined
            const is = now.side[side]
            if (was === undefined) continue
            assert.deepEqual([is?.port, is?.protocol, is?.startedMs], [was.port, was.protocol, was.startedMs])
            if (was.state === 'closed') assert.deepEqual(is, was, 'a closed side never changes')
          }
          if (before.side.connector !== undefined) assert.equal(now.port, before.port)
        }
        first.set(record.id, now)
      }
      assert.ok(first.size <= grants.length * 4)
    }),
    { numRuns: 60 },
  )
  assert.ok(first.size > 3, 'honest words were among them')
})

test('a report on a grant that nobody knows is refused, whoever tells it, and said in the answer', async () => {
  await using opened = await world()
  const { store, grants, tell } = opened
  const closed = (number: number, over = {}) =>
    sessionReportOf(grants[0]!, number, { state: 'closed', ...over })
  assert.equal(await tell('dev1', [closed(1), closed(2, { grant: newId('grt') }), closed(3)]), 1)
  assert.equal(await tell('dev2', [closed(4)]), 1)
  assert.equal(await tell('con2', [closed(5)]), 1)
  assert.equal((await store.sessions.list({ limit: 10 })).items.length, 2)
})

test('a session that outlives the memory of its grant is told of as before', async () => {
  await using opened = await world()
  const { store, grants, tell } = opened
  const one = (over: Partial<SessionReport>) => sessionReportOf(grants[0]!, 1, over)
  await tell('con1', [one({ side: 'connector' })])
  await store.revocations.sweep(grants[0]!.expiresMs + 6 * DAY_MS)
  assert.equal(await tell('dev1', [one({})]), 0)
  await store.revocations.sweep(grants[0]!.expiresMs + 8 * DAY_MS)
  assert.equal(await tell('con1', [one({ side: 'connector', state: 'closed', bytesDown: 9 })]), 0)
  assert.equal(await tell('dev2', [one({ state: 'closed' })]), 1)
  const record = (await store.sessions.get(one({}).session))!
  assert.deepEqual([record.state, record.bytesDown], ['closed', 9])
  assert.equal(await tell('con1', [sessionReportOf(grants[0]!, 2, { side: 'connector' })]), 1)
})

test('sessions that only a client tells of end at a number; what its connector tells of is on record', async () => {
  await using opened = await world()
  const { store, grants, tell } = opened
  const [, grant] = grants
  const { deviceId, id } = grant!
  const flood = store.sessions.allowance.draft()
  for (let n = 0; n < ALLOWANCE.client.most - 100; n++) assert.ok(flood.first('client', deviceId, id))
  flood.commit()
  const some = (from: number, over: Partial<SessionReport> = {}) =>
    Array.from({ length: 200 }, (_, n) => sessionReportOf(grant!, from + n, over))
  const refused = await tell('dev1', some(1))
  assert.ok(refused > 90 && refused <= 100, `${refused}`)
  assert.equal(store.sessions.allowance.shedOf(deviceId), refused)
  assert.equal(await tell('con2', some(1, { side: 'connector' })), 0)
  const { items } = await store.sessions.list({ limit: 500 })
  assert.equal(items.length, 200)
  // What both have told of makes room for as many.
  assert.ok((await tell('dev1', some(1000))) <= 100)
})
