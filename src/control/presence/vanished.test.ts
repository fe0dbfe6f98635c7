import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { issuedGrant, reportedBy, sessionReportOf } from '../../store/sessions.fixture.ts'
import { openStore } from '../../store/store.ts'
import type { SessionReport } from '../../wire/control.ts'
import { AgentProcesses } from './agent-processes.ts'
import { vanishedLooks } from './vanished.ts'

async function books() {
  let monotonicMs = 0
  const store = await openStore({ file: ':memory:' })
  const runs = new AgentProcesses(() => monotonicMs)
  const deps = { store, presence: { runs }, clock: { nowMs: Date.now, monotonicUs: () => 0 }, log: silentLog }
  const look = vanishedLooks(deps)
  const grant = issuedGrant({ deviceId: 'dev_1', connectorId: 'con_1' })
  const { session } = sessionReportOf(grant, 1)
  const tell = (side: SessionReport['side'], run: string, more: Partial<SessionReport> = {}) =>
    store.sessions.merge(reportedBy(grant, sessionReportOf(grant, 1, { side, run, ...more })))
  /** What the books say after so many seconds, and a look. */
  const after = async (seconds: number) => {
    monotonicMs += seconds * 1000
    await look()
    return (await store.sessions.get(session))!
  }
  return { store, runs, tell, after }
}

test('both ends are killed: started anew without the session they have a minute, away for good ten', async () => {
  const { store, runs, tell, after } = await books()
  await using _ = store
  runs.here('dev_1', 'a')
  runs.here('con_1', 'b')
  await Promise.all([tell('client', 'a'), tell('connector', 'b')])
  assert.equal((await after(5000)).state, 'open', 'nobody is away')
  runs.left('dev_1', 'a')
  runs.left('con_1', 'b')
  runs.here('con_1', 'c')
  assert.equal((await after(61)).state, 'open', 'the client may be back, with the tunnel it has')
  const record = await after(540)
  assert.deepEqual(
    [record.state, record.closeReason, record.closeHop],
    ['closed', 'AGENT_VANISHED', 'connector'],
  )
  assert.match(record.closeDetail!, /client dev_1 has been away for 601 s, connector con_1/)
  // An end that was only away comes back, and tells what it still has; then how it ended.
  await tell('client', 'a')
  assert.equal((await store.sessions.list({ limit: 1 })).items[0]!.state, 'open')
  await tell('client', 'a', { state: 'closed', endedMs: Date.now(), closeReason: 'TUNNEL_LOST' })
  assert.equal((await after(0)).closeReason, 'TUNNEL_LOST')
})

test('a session that one end still has stays open, however long the other is away', async () => {
  const { store, runs, tell, after } = await books()
  await using _ = store
  runs.here('dev_1', 'a')
  runs.here('con_1', 'b')
  await Promise.all([tell('client', 'a'), tell('connector', 'b')])
  runs.left('dev_1', 'a')
  assert.equal((await after(100_000)).state, 'open')
  runs.left('con_1', 'b')
  runs.here('con_1', 'b')
  assert.equal((await after(100_000)).state, 'open', 'it was away for a moment')
})

test('a control plane that starts anew gives everyone time to come back', async () => {
  const { store, tell, after } = await books()
  await using _ = store
  await tell('client', 'a')
  assert.equal((await after(599)).state, 'open')
  assert.equal((await after(2)).closeReason, 'AGENT_VANISHED')
})

test('of many that are open each has its turn: a look ends, and the next one goes on behind it', async () => {
  const store = await openStore({ file: ':memory:' })
  await using _ = store
  const grant = issuedGrant({ deviceId: 'dev_1', connectorId: 'con_1' })
  const report = (n: number, run: string) => reportedBy(grant, sessionReportOf(grant, n, { run }))
  const many = Array.from({ length: 10_000 }, (_, n) => report(n, 'a'))
  await store.sessions.mergeAll([...many, report(20_000, 'before')])
  let nowMs = 0
  const runs = new AgentProcesses(() => nowMs)
  runs.here('dev_1', 'a')
  nowMs += 100_000 // longer than one that was replaced has
  const deps = { store, presence: { runs }, clock: { nowMs: Date.now, monotonicUs: () => 0 }, log: silentLog }
  const look = vanishedLooks(deps)
  await look()
  assert.equal(await store.sessions.countOpen(), 10_001)
  await look()
  assert.equal(await store.sessions.countOpen(), 10_000)
  await look()
  assert.equal(await store.sessions.countOpen(), 10_000)
})
