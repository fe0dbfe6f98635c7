import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { issuedGrant, reportedBy, sessionReportOf } from './sessions.fixture.ts'
import { openStore } from './store.ts'

const LOT = 64

/** One device tells of thousands; told is how many of its lots are written. */
async function flooded(t: TestContext) {
  const dir = mkdtempSync(path.join(tmpdir(), 'reports-'))
  const store = await openStore({ file: path.join(dir, 'store.db') })
  t.after(async () => {
    await store[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true })
  })
  const grant = issuedGrant()
  let told = 0
  const lots = Array.from({ length: 100 }, (_, lot) => {
    const reports = Array.from({ length: LOT }, (_, n) =>
      reportedBy(grant, sessionReportOf(grant, lot * LOT + n)),
    )
    return store.sessions.mergeAll(reports).then(() => told++)
  })
  return { store, grant, lots, told: () => told }
}

test('a device that tells of one session does not wait for those that another tells of', async (t) => {
  const { store, lots, told } = await flooded(t)
  const other = issuedGrant()
  await store.sessions.merge(reportedBy(other, sessionReportOf(other, 1)))
  assert.ok(told() < 10, `${told()} lots of the other device were written before`)
  await Promise.all(lots)
  assert.equal(await store.sessions.countOpen(), 100 * LOT + 1)
})

test('a question is answered between two steps of writing reports, and they are all written', async (t) => {
  const { store, lots, told, grant } = await flooded(t)
  await lots[0]
  for (let question = 0; question < 10; question++) {
    const before = told()
    await store.devices.byId(grant.deviceId)
    await store.transaction(async (tx) => {
      await tx.policyVersion()
      await tx.revocations.issued(issuedGrant())
      await tx.audit.append({ actor: 'user usr_1', action: 'grant.issue', object: '' })
    })
    assert.ok(told() - before <= 6, `${told() - before} lots were written while it waited`)
  }
  assert.ok(told() < 100, 'it was beside the others')
  await Promise.all(lots)
})

test('a list of sessions waits for no report that was not acknowledged', async (t) => {
  const { store, lots, told } = await flooded(t)
  await lots[0]
  const before = told()
  assert.equal((await store.sessions.list({ limit: 10 })).items.length, 10)
  assert.ok(told() - before <= 4, `${told() - before} lots were written before it`)
  await Promise.all(lots)
})
