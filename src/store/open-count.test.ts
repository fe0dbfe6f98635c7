import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { copyDatabase } from './copy-database.ts'
import { issuedGrant, reportedBy, sessionReportOf } from './sessions.fixture.ts'
import { openStore, type Store } from './store.ts'

/** The same numbers for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function counted(file: string): number {
  using db = new DatabaseSync(file, { readOnly: true })
  return Number(db.prepare("select count(*) as n from session where state = 'open'").get()!.n)
}

test('however sessions open, close, vanish, are swept and put back from a copy: the count is how many are open', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'open-count-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const file = path.join(dir, 'store.db')
  const seed = Number(process.env.SEED ?? 7)
  const random = randomFrom(seed)
  const grants = Array.from({ length: 5 }, () => issuedGrant())
  let store = await openStore({ file })
  const tell = () => {
    const grant = grants[random(grants.length)]!
    const side = random(2) === 0 ? 'client' : 'connector'
    const state = random(3) === 0 ? 'closed' : 'open'
    return reportedBy(grant, sessionReportOf(grant, random(40), { side, state }))
  }
  const steps: ((store: Store) => Promise<unknown>)[] = [
    ...Array.from({ length: 4 }, () => (at: Store) => {
      const told = Array.from({ length: 1 + random(30) }, tell)
      const merged = at.sessions.mergeAll(told).catch(() => {})
      void at.sessions.flush()
      return merged
    }),
    async (at) => {
      const open = await at.sessions.open(1 + random(10))
      const vanished = { atMs: Date.now(), hop: 'client', detail: 'gone' } as const
      await at.sessions.vanished(open.map((one) => ({ ...one, vanished })))
    },
    async (at) => {
      const { items } = await at.sessions.since(0)
      const middle = items[random(Math.max(1, items.length))]
      if (middle !== undefined && random(3) === 0) await at.sessions.sweep(Date.now() - random(5))
    },
    (at) => at.transaction(async (tx) => void (await tx.policyVersion())),
  ]
  for (let round = 0; round < 120; round++) {
    await Promise.all(Array.from({ length: 1 + random(4) }, () => steps[random(steps.length)]!(store)))
    assert.equal(await store.sessions.countOpen(), counted(file), `round ${round} of seed ${seed}`)
    if (round % 40 !== 39) continue
    const copy = path.join(dir, `copy-${round}.db`)
    using raw = new DatabaseSync(file)
    await copyDatabase(raw, copy)
    await store.sessions.mergeAll([tell()]).catch(() => {})
    await store[Symbol.asyncDispose]()
    store = await openStore({ file: copy })
    assert.equal(await store.sessions.countOpen(), counted(copy))
    await store[Symbol.asyncDispose]()
    store = await openStore({ file })
  }
  await store[Symbol.asyncDispose]()
})
