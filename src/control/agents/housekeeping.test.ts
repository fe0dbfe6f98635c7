import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { issuedGrant, reportedBy, sessionReportOf } from '../../store/sessions.fixture.ts'
import { openParts } from '../parts.ts'
import { startHousekeeping } from './housekeeping.ts'

const DAY_MS = 86_400_000

async function opened(t: TestContext) {
  const stateDir = await mkdtemp(path.join(os.tmpdir(), 'bs-house-'))
  let aheadMs = 0
  const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs }
  const retention = { sessionDays: 20, denialDays: 2, auditDays: 30 }
  const edge = { host: 'edge.example', port: 443 }
  const parts = await openParts({ stateDir, edge, log: silentLog, clock, retention })
  t.after(async () => {
    await parts.store[Symbol.asyncDispose]()
    await rm(stateDir, { recursive: true })
  })
  const grant = issuedGrant()
  await parts.store.sessions.merge(reportedBy(grant, sessionReportOf(grant, 1, { state: 'closed' })))
  await parts.store.sessions.merge(reportedBy(grant, sessionReportOf(grant, 2)))
  const left = async () => ({
    sessions: (await parts.store.sessions.list({ limit: 10 })).items.length,
    audit: (await parts.store.audit.list({ limit: 10 })).items.length,
    keys: parts.grantKeys.published.length,
  })
  return {
    parts,
    left,
    async pass(days: number) {
      aheadMs += days * DAY_MS
      await startHousekeeping(parts)
    },
  }
}

test('records are kept as long as the admin says by our clock, whatever time a device gives them', async (t) => {
  const { parts, left, pass } = await opened(t)
  await parts.store.audit.append({ actor: 'system', action: 'a.b', object: '' })
  const before = await left()
  await pass(19)
  assert.deepEqual(await left(), { ...before, keys: 2 })
  await pass(2)
  assert.equal((await left()).sessions, 0)
  assert.equal((await left()).audit, before.audit)
  await pass(10)
  assert.equal((await left()).audit, 0)
  assert.equal((await parts.store.audit.verify()).intact, true)
})

test('what cannot be done keeps nothing else from being done, and is done later', async (t) => {
  const { parts, left, pass } = await opened(t)
  await writeFile(parts.auditArchive, 'in the way')
  await parts.store.audit.append({ actor: 'system', action: 'a.b', object: '' })
  await pass(40)
  const now = await left()
  assert.deepEqual([now.sessions, now.keys > 1, now.audit > 0], [0, true, true])
  await rm(parts.auditArchive)
  await pass(0)
  assert.equal((await left()).audit, 0)
})
