import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DenialRecord } from './denials.ts'
import { openStore } from './store.ts'

function denial(number: number, over: Partial<DenialRecord> = {}): DenialRecord {
  return {
    ...{ id: `den_${String(number).padStart(6, '0')}`, atMs: number, deviceId: 'dev_1', userId: 'usr_1' },
    ...{ host: 'wiki.internal', port: 443, protocol: 'tcp', from: '192.0.2.1' },
    fault: { code: 'POLICY_DENIED', hop: 'control', detail: 'no' },
    ...over,
  }
}

test('a denial is found by its id; the newest come first, of one user alone where asked', async () => {
  await using store = await openStore({ file: ':memory:' })
  await store.denials.keep(denial(1))
  await store.denials.keep(denial(2, { userId: 'usr_2', deviceId: 'dev_2' }))
  assert.equal((await store.denials.get('den_000001'))?.host, 'wiki.internal')
  assert.equal(await store.denials.get('den_000009'), undefined)
  const first = await store.denials.list({ limit: 1 })
  assert.deepEqual(
    first.items.map(({ id }) => id),
    ['den_000002'],
  )
  const rest = await store.denials.list({ limit: 1, cursor: first.next })
  assert.deepEqual(
    rest.items.map(({ id }) => id),
    ['den_000001'],
  )
  assert.equal((await store.denials.list({ limit: 10 }, { user: 'usr_2' })).items.length, 1)
})

test('a program that tries again and again fills nothing, and takes no room from other devices', async () => {
  await using store = await openStore({ file: ':memory:' })
  await store.denials.keep(denial(0, { deviceId: 'dev_2' }))
  await store.transaction(async (tx) => {
    for (let number = 1; number <= 510; number++) await tx.denials.keep(denial(number))
  })
  const { items } = await store.denials.list({ limit: 1000 })
  assert.equal(items.filter(({ deviceId }) => deviceId === 'dev_1').length, 500)
  assert.equal(items.at(0)?.id, 'den_000510')
  assert.equal(items.at(-1)?.deviceId, 'dev_2')
  await store.denials.sweep(505)
  assert.equal((await store.denials.list({ limit: 1000 })).items.length, 6)
})

test('a denial that happened again says how often, unless it is gone', async () => {
  await using store = await openStore({ file: ':memory:' })
  await store.denials.keep(denial(1))
  const times = { times: 40, lastMs: 60_000 }
  assert.equal((await store.denials.repeated('den_000001', times))?.times, 40)
  assert.deepEqual(await store.denials.get('den_000001'), { ...denial(1), ...times })
  assert.equal(await store.denials.repeated('den_000002', times), undefined)
})
