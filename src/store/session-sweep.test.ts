import assert from 'node:assert/strict'
import { test } from 'node:test'
import { START_MS, storeAtTime } from './people.fixture.ts'
import { issuedGrant, reportedBy, sessionReportOf } from './sessions.fixture.ts'
import type { Store } from './store.ts'

const grant = issuedGrant({ deviceId: 'dev_1', connectorId: 'con_1' }, START_MS)

/** Reports of so many sessions, written now. */
async function tell(store: Store, numbers: readonly number[], over: object = {}, of = grant): Promise<void> {
  const told = store.sessions.mergeAll(
    numbers.map((number) => reportedBy(of, sessionReportOf(of, number, over))),
  )
  void store.sessions.flush()
  assert.deepEqual(await told, [])
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index)

async function idsOf(store: Store): Promise<string[]> {
  return (await store.sessions.list({ limit: 1000 })).items.map(({ id }) => id)
}

test('sessions nothing was told of for long are forgotten, hundreds of them, open ones too', async () => {
  const { store, pass } = await storeAtTime()
  await using _ = store
  await tell(store, numbers(0, 150))
  await tell(store, numbers(150, 50), { state: 'closed' })
  pass(10_000)
  await tell(store, [500, 501])
  assert.equal(await store.sessions.countOpen(), 152)
  await store.sessions.sweep(START_MS + 10_000)
  assert.equal((await idsOf(store)).length, 2)
  assert.equal(await store.sessions.countOpen(), 2)
})

test('a session that is told of again is as young as what was told last', async () => {
  const { store, pass } = await storeAtTime()
  await using _ = store
  await tell(store, [1, 2])
  pass(10_000)
  await tell(store, [1], { side: 'connector', bytesDown: 5 })
  await store.sessions.sweep(START_MS + 10_000)
  const { items } = await store.sessions.list({ limit: 10 })
  assert.deepEqual(
    items.map(({ bytesDown }) => bytesDown),
    [5],
  )
})

test('followers get each session in the order of its last change, and only what changed', async () => {
  const { store, pass } = await storeAtTime()
  await using _ = store
  await tell(store, [1, 2, 3])
  const start = await store.sessions.since('now')
  assert.deepEqual(start.items, [])
  pass(5)
  await tell(store, [3], { side: 'connector' })
  await tell(store, [1], { state: 'closed' })
  const changed = await store.sessions.since(start.revision)
  const [first, third] = [1, 3].map((number) => sessionReportOf(grant, number).session)
  assert.deepEqual(
    changed.items.map(({ id, state }) => [id, state]),
    [
      [third, 'open'],
      [first, 'closed'],
    ],
  )
  assert.deepEqual(await store.sessions.since(changed.revision), { items: [], revision: changed.revision })
  const page = await store.sessions.since(0, 2)
  const rest = await store.sessions.since(page.revision, 2)
  assert.equal(new Set([...page.items, ...rest.items].map(({ id }) => id)).size, 3)
})

test('a clock that is set back takes no change from followers', async () => {
  const { store, pass } = await storeAtTime()
  await using _ = store
  await tell(store, [1])
  const { revision } = await store.sessions.since('now')
  pass(-86_400_000)
  await tell(store, [2])
  const { items } = await store.sessions.since(revision)
  assert.deepEqual(
    items.map(({ id }) => id),
    [sessionReportOf(grant, 2).session],
  )
})

test('open sessions are read in pages, in order of id', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  await tell(store, numbers(0, 7))
  await tell(store, [3], { state: 'closed' })
  const found: string[] = []
  for (;;) {
    const page = await store.sessions.open(4, found.at(-1))
    found.push(...page.map(({ id }) => id))
    if (page.length < 4) break
  }
  assert.equal(found.length, 6)
  assert.deepEqual(found, found.toSorted())
})

test('a session whose ends are gone is closed once, unless one told its end meanwhile', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  await tell(store, [1, 2])
  const vanished = { atMs: START_MS + 9, hop: 'client', detail: 'gone' } as const
  const found = (await store.sessions.open(10)).map((one) => ({ ...one, vanished }))
  await tell(store, [1], { state: 'closed' })
  assert.equal(await store.sessions.vanished(found), 1)
  assert.equal(await store.sessions.vanished(found), 0)
  const reasons = (await store.sessions.list({ limit: 5 })).items.map(({ closeReason }) => closeReason)
  assert.deepEqual(reasons.sort(), ['AGENT_VANISHED', 'done'])
  assert.equal(await store.sessions.countOpen(), 0)
})
