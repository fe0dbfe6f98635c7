import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addDevice, addUser, START_MS, storeAtTime } from './people.fixture.ts'
import { issuedGrant } from './sessions.fixture.ts'

const DAY_MS = 86_400_000

test('a revoked certificate is told until it would have expired by itself', async () => {
  const { store, told } = await storeAtTime()
  await using _ = store
  await store.revocations.revokeSerials(['01', '02'], { reason: 'lost', expiresMs: START_MS + 10 })
  assert.deepEqual(told(), ['revoked'])
  assert.deepEqual((await store.revocations.serials(START_MS + 9)).sort(), ['01', '02'])
  assert.deepEqual(await store.revocations.serials(START_MS + 10), [])
})

test('revoking twice is revoking once, and revoking nothing tells nobody', async () => {
  const { store, told } = await storeAtTime()
  await using _ = store
  const o = { reason: 'lost', expiresMs: START_MS + 10 }
  await store.revocations.revokeSerials([], o)
  await store.revocations.revokeGrants([], o)
  assert.deepEqual(told(), [])
  await store.revocations.revokeSerials(['01'], o)
  await store.revocations.revokeSerials(['01', '02'], { reason: 'again', expiresMs: START_MS + 99 })
  assert.deepEqual(await store.revocations.serials(START_MS + 50), ['02'], 'the first word stands')
  assert.equal(told().length, 2)
})

test('a revoked grant is told to its device and its connector, and to no other agent', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  const grant = issuedGrant({ deviceId: 'dev_1', connectorId: 'con_1' }, START_MS)
  const other = issuedGrant({ deviceId: 'dev_2', connectorId: 'con_1' }, START_MS)
  for (const one of [grant, other]) await store.revocations.issued(one)
  const { id, expiresMs } = grant
  await store.revocations.revokeGrants([id], { reason: 'policy', expiresMs })
  for (const agent of ['dev_1', 'con_1'])
    assert.deepEqual(await store.revocations.grants(agent, START_MS), [id], agent)
  for (const agent of ['dev_2', 'con_2'])
    assert.deepEqual(await store.revocations.grants(agent, START_MS), [])
  assert.deepEqual(await store.revocations.grants('dev_1', expiresMs), [], 'it has ended by itself')
  assert.deepEqual(
    (await store.revocations.live(START_MS)).map((one) => one.id),
    [other.id],
  )
})

test('a grant is read as it was issued, with ports and networks, or without them as older versions wrote it', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  const ports = { tcp: [[443, 443]], udp: [[1000, 2000]] } as const
  const whole = issuedGrant({ ports, networks: ['10.0.0.0/8'] }, START_MS)
  const older = issuedGrant({ ports: undefined, networks: undefined }, START_MS)
  for (const one of [whole, older]) await store.revocations.issued(one)
  const given = new Map((await store.revocations.given([whole.id, older.id])).map((one) => [one.id, one]))
  assert.deepEqual(given.get(whole.id), whole)
  assert.deepEqual([given.get(older.id)?.ports, given.get(older.id)?.networks], [undefined, undefined])
  assert.deepEqual(await store.revocations.given([]), [])
  assert.deepEqual(await store.revocations.given(['grt_absent']), [])
})

test('a grant is remembered for a week after its end, for reports that come late', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  const grant = issuedGrant({}, START_MS)
  await store.revocations.issued(grant)
  await store.revocations.sweep(grant.expiresMs + 7 * DAY_MS - 1)
  assert.equal((await store.revocations.given([grant.id])).length, 1)
  assert.deepEqual(await store.revocations.live(grant.expiresMs), [])
  await store.revocations.sweep(grant.expiresMs + 7 * DAY_MS)
  assert.deepEqual(await store.revocations.given([grant.id]), [])
})

test('whatever is issued, revoked and swept: a grant is live until it ends or is revoked', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('issue' as const), life: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ do: fc.constant('revoke' as const), pick: fc.nat(9) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ do: fc.constant('sweep' as const) }),
  )
  const runs = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    const { store } = await storeAtTime()
    await using _ = store
    const grants: { id: string; expiresMs: number; revoked: boolean }[] = []
    let nowMs = START_MS
    for (const one of steps) {
      if (one.do === 'issue') {
        const grant = issuedGrant({ deviceId: 'dev_1', expiresMs: nowMs + one.life }, nowMs)
        await store.revocations.issued(grant)
        grants.push({ id: grant.id, expiresMs: grant.expiresMs, revoked: false })
      } else if (one.do === 'pass') nowMs += one.ms
      else if (one.do === 'sweep') await store.revocations.sweep(nowMs)
      else {
        const grant = grants[one.pick]
        if (grant === undefined) continue
        await store.revocations.revokeGrants([grant.id], { reason: 'policy', expiresMs: grant.expiresMs })
        grant.revoked = true
      }
      const standing = grants.filter(({ expiresMs }) => expiresMs > nowMs)
      const ids = (revoked: boolean) =>
        standing
          .filter((grant) => grant.revoked === revoked)
          .map(({ id }) => id)
          .sort()
      const live = await store.revocations.live(nowMs)
      assert.deepEqual(live.map(({ id }) => id).sort(), ids(false))
      assert.deepEqual((await store.revocations.grants('dev_1', nowMs)).sort(), ids(true))
    }
  })
  await fc.assert(runs, { numRuns: 20 })
})

test('a sweep of hundreds leaves what still counts', async () => {
  const { store } = await storeAtTime()
  await using _ = store
  const serials = (from: number) => Array.from({ length: 200 }, (__, index) => `${from + index}`)
  await store.revocations.revokeSerials(serials(0), { reason: 'old', expiresMs: START_MS })
  await store.revocations.revokeSerials(serials(1000), { reason: 'new', expiresMs: START_MS + 1 })
  await store.revocations.sweep(START_MS)
  assert.equal((await store.revocations.serials(START_MS - 1)).length, 200)
})

test('a revocation in a transaction that fails is told to nobody', async () => {
  const { store, told } = await storeAtTime()
  await using _ = store
  const ada = await addUser(store, 'ada')
  const laptop = await addDevice(store, ada.id, 'laptop')
  told()
  await assert.rejects(
    store.transaction(async (tx) => {
      await tx.revocations.revokeSerials([laptop.serial], { reason: 'lost', expiresMs: START_MS + 1 })
      throw new Error('undo')
    }),
  )
  assert.deepEqual(told(), [])
  assert.deepEqual(await store.revocations.serials(START_MS), [])
})
