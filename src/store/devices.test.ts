import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS } from '../api/kinds.ts'
import { addDevice, addUser, START_MS, storeAtTime } from './people.fixture.ts'

async function adasLaptop() {
  const { store, ...more } = await storeAtTime()
  const ada = await addUser(store, 'ada')
  const laptop = await addDevice(store, ada.id, 'laptop')
  more.told()
  return { store, ada, laptop, ...more }
}

test('a device is found by its public key, which no second device can have', async () => {
  const { store, laptop } = await adasLaptop()
  await using _ = store
  assert.deepEqual(await store.devices.byPublicKey(laptop.publicKeyHash), laptop)
  assert.equal(await store.devices.byPublicKey('another'), undefined)
  const eve = await addUser(store, 'eve')
  await assert.rejects(addDevice(store, eve.id, 'phone', { publicKeyHash: laptop.publicKeyHash }), {
    code: 'CONFLICT',
    detail: `device ${laptop.id} has this public key`,
  })
})

test('two users may each have a laptop; its name alone then says which ids are meant', async () => {
  const { store, ada, laptop } = await adasLaptop()
  await using _ = store
  const eve = await addUser(store, 'eve')
  assert.equal((await store.devices.get('laptop')).id, laptop.id)
  const hers = await addDevice(store, eve.id, 'laptop')
  assert.equal(hers.name, 'laptop')
  await assert.rejects(store.devices.get('laptop'), {
    code: 'INVALID',
    detail: new RegExp(`${laptop.id} of ada or ${hers.id} of eve`),
  })
  assert.equal((await addDevice(store, ada.id, 'laptop', { publicKeyHash: 'p' })).name, 'laptop-2')
})

test('a device keeps its name when the user that gets it has another of that name', async () => {
  const { store, ada, laptop } = await adasLaptop()
  await using _ = store
  const eve = await addUser(store, 'eve')
  await addDevice(store, eve.id, 'laptop')
  await assert.rejects(store.devices.update(laptop.id, { userId: eve.id }), { code: 'CONFLICT' })
  const moved = await store.devices.update(laptop.id, { userId: eve.id, name: 'old-laptop' })
  assert.deepEqual([moved.userId, moved.name], [eve.id, 'old-laptop'])
  assert.deepEqual(await store.devices.ofUser(ada.id), [])
  assert.equal((await store.devices.ofUser(eve.id)).length, 2)
  await store.objects.delete('user', ada.id)
  await assert.rejects(store.objects.delete('user', eve.id), { code: 'IN_USE' })
})

test('a fact that an admin has assigned wins over what the client reports', async () => {
  const { store, laptop } = await adasLaptop()
  await using _ = store
  await store.devices.reported(laptop.id, { managed: false, os: 'linux' })
  await store.devices.update(laptop.id, { assignedPosture: { managed: true } })
  const { posture, reportedPosture } = (await store.devices.byId(laptop.id))!
  assert.deepEqual(posture, { managed: true, os: 'linux' })
  assert.deepEqual(reportedPosture, { managed: false, os: 'linux' })
  assert.deepEqual((await store.devices.holders([laptop.id])).get(laptop.id)?.posture, posture)
})

test('a report is no new version, and changes policy only when it says something else', async () => {
  const { store, laptop, told } = await adasLaptop()
  await using _ = store
  await store.devices.reported(laptop.id, { os: 'linux' })
  assert.deepEqual(told(), ['policy'])
  await store.devices.reported(laptop.id, { os: 'linux' })
  await store.devices.seen(laptop.id, { address: '192.0.2.9', atMs: START_MS + 5 })
  assert.deepEqual(told(), [])
  const device = (await store.devices.byId(laptop.id))!
  assert.deepEqual(
    [device.version, device.lastAddress, device.lastSeenMs],
    [laptop.version, '192.0.2.9', START_MS + 5],
  )
})

test('only what policy looks at cuts the connections of a device', async () => {
  const { store, laptop, told } = await adasLaptop()
  await using _ = store
  await store.devices.update(laptop.id, { name: 'renamed' })
  await store.devices.update(laptop.id, { serial: '2', generation: 2, notAfterMs: START_MS + 1 })
  assert.deepEqual(told(), [])
  await store.devices.update(laptop.id, { assignedPosture: { managed: true } })
  assert.deepEqual(told(), [`identity ${laptop.id}`, 'policy'])
})

test('a field that is left undefined in a change keeps its value', async () => {
  const { store, laptop } = await adasLaptop()
  await using _ = store
  const changed = await store.devices.update(laptop.id, { name: undefined, serial: '7', host: undefined })
  assert.deepEqual(changed, { ...laptop, serial: '7', version: 2 })
})

test('a device that a rule is about is not deleted, and the rule is named', async () => {
  const { store, laptop, told } = await adasLaptop()
  await using _ = store
  const spec = OBJECT_KINDS['access-rule'].spec.parse({
    ...{ order: 1, action: 'deny', conditions: { devices: ['laptop'] } },
  })
  const rule = await store.objects.put({ kind: 'access-rule', name: 'no-laptop', spec })
  await assert.rejects(store.devices.delete(laptop.id), {
    code: 'IN_USE',
    seen: { users: [`access rule no-laptop (${rule.id})`] },
  })
  await store.objects.delete('access-rule', 'no-laptop')
  told()
  await store.devices.delete(laptop.id)
  assert.deepEqual(told(), [`identity ${laptop.id}`, 'policy'])
})

test('with a device goes who has signed in on it', async () => {
  const { store, ada, laptop } = await adasLaptop()
  await using _ = store
  const at = { atMs: START_MS, endMs: START_MS + 1000 }
  await store.signIns.begin({ userId: ada.id, deviceId: laptop.id, ...at })
  await store.devices.delete(laptop.id)
  assert.deepEqual(await store.signIns.ofDevice(laptop.id), [])
  assert.deepEqual(await store.signIns.standing({ userId: ada.id }), [])
})

test('of many ids those that exist are found, each once, however often it is asked for', async () => {
  const { store, ada } = await adasLaptop()
  await using _ = store
  const made = await store.transaction(async (tx) => {
    const ids: string[] = []
    for (let number = 0; number < 150; number++)
      ids.push((await addDevice(tx, ada.id, `device-${number}`)).id)
    return ids
  })
  const asked = [...made, ...made.slice(0, 40), 'dev_absent']
  const found = await store.devices.named(asked)
  assert.deepEqual(
    found.map(({ id }) => id),
    made.toSorted(),
  )
  assert.equal((await store.devices.all()).length, 151)
  assert.equal((await store.devices.byIds([])).size, 0)
  assert.equal((await store.devices.holders([])).size, 0)
})
