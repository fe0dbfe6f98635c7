import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addDevice, addUser, START_MS, storeAtTime } from './people.fixture.ts'
import type { SignInEnd } from './sign-ins.ts'

const HOUR_MS = 3_600_000

async function signedIn() {
  const { store, told, pass } = await storeAtTime()
  const ada = await addUser(store, 'ada')
  const [laptop, phone] = [await addDevice(store, ada.id, 'laptop'), await addDevice(store, ada.id, 'phone')]
  const begin = (deviceId: string, atMs: number, endMs = atMs + HOUR_MS) =>
    store.signIns.begin({ userId: ada.id, deviceId, atMs, endMs, from: '192.0.2.1' })
  await begin(laptop.id, START_MS)
  await begin(phone.id, START_MS)
  told()
  return { store, told, pass, ada, laptop, phone, begin }
}

test('a device shows the sign-in that stands, until it ends', async () => {
  const { store, laptop } = await signedIn()
  await using _ = store
  const [signIn] = await store.signIns.ofDevice(laptop.id)
  const { id, atMs, from, endMs } = signIn!
  assert.deepEqual((await store.devices.byId(laptop.id))?.signIn, { id, atMs, from, endMs })
  await store.signIns.end({ deviceId: laptop.id })
  assert.equal((await store.devices.byId(laptop.id))?.signIn, undefined)
  assert.equal((await store.devices.holders([laptop.id])).get(laptop.id)?.signIn, undefined)
})

test('signing in again ends the sign-in before, and no other device’s', async () => {
  const { store, ada, laptop, phone, begin } = await signedIn()
  await using _ = store
  const again = await begin(laptop.id, START_MS + 10)
  const [newest, before] = await store.signIns.ofDevice(laptop.id)
  assert.deepEqual(newest, again)
  assert.deepEqual(before?.ended, {
    ...{ atMs: START_MS + 10, because: 'signed-in-again', by: `user ${ada.id}` },
  })
  assert.deepEqual(
    (await store.signIns.standing({ userId: ada.id })).map(({ name }) => name),
    ['laptop', 'phone'],
  )
  assert.equal((await store.signIns.ofDevice(phone.id))[0]?.ended, undefined)
})

test('of a device the last twenty sign-ins are kept, the newest first', async () => {
  const { store, laptop, begin } = await signedIn()
  await using _ = store
  for (let number = 1; number <= 30; number++) await begin(laptop.id, START_MS + number)
  const kept = await store.signIns.ofDevice(laptop.id, 100)
  assert.deepEqual(
    kept.map(({ atMs }) => atMs - START_MS),
    Array.from({ length: 20 }, (_, index) => 30 - index),
  )
  assert.equal((await store.signIns.ofDevice(laptop.id, 3)).length, 3)
})

test('a sign-in whose time is over does not count, and whoever ends it is not told of it', async () => {
  const { store, ada, laptop, begin, pass } = await signedIn()
  await using _ = store
  await begin(laptop.id, START_MS + 1, START_MS + 500)
  pass(500)
  assert.deepEqual(
    (await store.signIns.standing({ userId: ada.id })).map(({ name }) => name),
    ['phone'],
  )
  assert.deepEqual(
    (await store.signIns.end({ userId: ada.id })).map(({ name }) => name),
    ['phone'],
  )
  assert.equal((await store.signIns.ofDevice(laptop.id))[0]?.ended?.because, 'signed-out')
})

test('signing out a device cuts that one alone, and says who did it', async () => {
  const { store, ada, laptop, phone, told } = await signedIn()
  await using _ = store
  const by = 'token ada (tok_1)'
  assert.deepEqual(await store.signIns.end({ deviceId: laptop.id }, { by }), [
    { id: laptop.id, name: 'laptop' },
  ])
  assert.deepEqual(told(), [`identity ${laptop.id}`, 'policy'])
  assert.deepEqual((await store.signIns.ofDevice(laptop.id))[0]?.ended, {
    ...{ atMs: START_MS, because: 'signed-out', by },
  })
  assert.deepEqual(await store.signIns.standing({ userId: ada.id }), [{ id: phone.id, name: 'phone' }])
  assert.deepEqual(await store.signIns.end({ deviceId: laptop.id }, { by }), [])
  assert.deepEqual(told(), [])
})

const REASONS: {
  because: SignInEnd
  cut: string[]
  act: (at: Awaited<ReturnType<typeof signedIn>>) => unknown
}[] = [
  {
    because: 'password-changed',
    cut: ['laptop', 'phone'],
    act: ({ store, ada }) => store.passwords.put(ada.id, 'hash'),
  },
  {
    because: 'user-disabled',
    cut: ['laptop', 'phone'],
    act: ({ store, ada }) =>
      store.objects.put({ ...ada, spec: { ...ada.spec, enabled: false }, by: 'system' }),
  },
  {
    because: 'device-disabled',
    cut: ['phone'],
    act: ({ store, phone }) => store.devices.update(phone.id, { enabled: false }),
  },
]
for (const { because, cut, act } of REASONS) {
  test(`${because} signs out ${cut.join(' and ')}`, async () => {
    const at = await signedIn()
    await using store = at.store
    await act(at)
    const ended: string[] = []
    for (const { id, name } of [at.laptop, at.phone]) {
      const [signIn] = await store.signIns.ofDevice(id)
      if (signIn?.ended !== undefined) {
        assert.equal(signIn.ended.because, because)
        ended.push(name)
      }
    }
    assert.deepEqual(ended, cut)
    const told = at.told()
    for (const { id, name } of [at.laptop, at.phone])
      assert.equal(told.includes(`identity ${id}`), cut.includes(name), name)
  })
}

test('a password that is removed signs out, one that was not there does not', async () => {
  const { store, ada, told } = await signedIn()
  await using _ = store
  assert.equal(await store.passwords.remove(ada.id), false)
  assert.equal((await store.signIns.standing({ userId: ada.id })).length, 2)
  assert.deepEqual(told(), [])
  await store.passwords.put(ada.id, 'hash')
  assert.deepEqual(await store.passwords.having([ada.id, 'usr_absent']), new Set([ada.id]))
  assert.equal(await store.passwords.remove(ada.id), true)
  assert.equal(await store.passwords.get(ada.id), undefined)
  assert.deepEqual(await store.passwords.having([]), new Set())
})

test('a user that is enabled again stays signed out', async () => {
  const { store, ada } = await signedIn()
  await using _ = store
  await store.objects.put({ ...ada, spec: { ...ada.spec, enabled: false } })
  await store.objects.put({ ...ada, spec: { ...ada.spec, enabled: true } })
  assert.deepEqual(await store.signIns.standing({ userId: ada.id }), [])
})
