import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { OBJECT_KINDS } from '../api/kinds.ts'
import { type Bus, localBus } from './bus.ts'
import { busCompliance } from './bus-compliance.fixture.ts'
import { openStore } from './store.ts'

busCompliance('the bus of one process', localBus)

test('a store tells the bus it is given, and only what is durable', async () => {
  const published: string[] = []
  const within = localBus((error) => {
    throw error
  })
  const bus: Bus = {
    publish(topic, message) {
      published.push(topic)
      within.publish(topic, message)
    },
    subscribe: (topic, receive) => within.subscribe(topic, receive),
  }
  await using store = await openStore({ file: ':memory:', bus })
  const spec = OBJECT_KINDS.user.spec.parse({})
  const seen: (string | undefined)[] = []
  using _identity = store.bus.subscribe('identity', ({ id }) => {
    void store.objects.find('user', id).then((found) => seen.push(found?.name))
  })
  await store.transaction(async (tx) => {
    await tx.objects.put({ kind: 'user', name: 'ada', spec })
    await tx.objects.put({ kind: 'user', name: 'eve', spec })
    assert.deepEqual(published, [], 'nothing is told of what may come to nothing')
  })
  while (seen.length < 2) await turn()
  assert.deepEqual(seen, ['ada', 'eve'], 'whoever hears of it finds it')
  assert.deepEqual(published, ['identity', 'identity', 'policy'], 'policy once, however much was written')
})

test('a receiver that throws fails no write', async () => {
  const errors: unknown[] = []
  await using store = await openStore({ file: ':memory:', bus: localBus((error) => errors.push(error)) })
  using _broken = store.bus.subscribe('policy', () => {
    throw new Error('broken receiver')
  })
  const spec = OBJECT_KINDS['user-group'].spec.parse({})
  await store.objects.put({ kind: 'user-group', name: 'staff', spec })
  await turn()
  assert.equal(errors.length, 1)
  assert.equal((await store.objects.get('user-group', 'staff')).version, 1)
})
