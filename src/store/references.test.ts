import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InvalidFault } from '../api/invalid.ts'
import { OBJECT_KINDS, type ObjectKind, type ObjectSpecs } from '../api/kinds.ts'
import { addDevice, addUser } from './people.fixture.ts'
import { openStore, type Repositories } from './store.ts'

function put<Kind extends ObjectKind>(store: Repositories, kind: Kind, name: string, fields: object = {}) {
  const spec = OBJECT_KINDS[kind].spec.parse(fields) as ObjectSpecs[Kind]
  return store.objects.put({ kind, name, spec })
}

const rule = (store: Repositories, name: string, conditions: object) =>
  put(store, 'access-rule', name, { order: 1, action: 'allow', conditions })

async function errorsOf(write: Promise<unknown>) {
  const fault = await write.then(
    () => assert.fail('it was accepted'),
    (error: InvalidFault) => error,
  )
  assert.equal(fault.code, 'INVALID')
  return fault.errors
}

test('a misspelt reference is answered with the name that was probably meant, and where it stands', async () => {
  await using store = await openStore({ file: ':memory:' })
  await put(store, 'user-group', 'developers')
  await addUser(store, 'ada')
  const errors = await errorsOf(rule(store, 'r', { users: ['ada', 'zoe'], userGroups: ['develpers'] }))
  assert.deepEqual(
    new Map(errors.map(({ pointer, detail }) => [pointer, detail])),
    new Map([
      ['/conditions/users/1', 'no user "zoe"'],
      ['/conditions/userGroups/0', 'no user group "develpers": did you mean "developers"?'],
    ]),
  )
})

test('a device name that two users’ devices have is refused with the ids to choose from', async () => {
  await using store = await openStore({ file: ':memory:' })
  const [ada, eve] = [await addUser(store, 'ada'), await addUser(store, 'eve')]
  const first = await addDevice(store, ada.id, 'laptop')
  const second = await addDevice(store, eve.id, 'laptop')
  const [error] = await errorsOf(rule(store, 'r', { devices: ['laptop'] }))
  for (const { id } of [first, second]) assert.match(error!.detail, new RegExp(id))
  const made = await rule(store, 'r', { devices: [second.id] })
  assert.deepEqual(await store.objects.namesOf([made]), [{ [second.id]: 'laptop' }])
})

test('a rule about hundreds of users refers to each of them, by name or id, once', async () => {
  await using store = await openStore({ file: ':memory:' })
  const users = await store.transaction(async (tx) => {
    const made: { id: string; name: string }[] = []
    for (let number = 0; number < 300; number++) made.push(await addUser(tx, `user-${number}`))
    return made
  })
  const words = users.map(({ id, name }, index) => (index % 2 === 0 ? id : name))
  const made = await rule(store, 'many', { users: words })
  assert.deepEqual(
    made.spec.conditions.users,
    users.map(({ id }) => id),
  )
  const [names] = await store.objects.namesOf([made])
  assert.equal(Object.keys(names!).length, 300)
  for (const { id } of [users[0]!, users[299]!])
    await assert.rejects(store.objects.delete('user', id), { code: 'IN_USE' })
})

test('of very many that refer to an object twenty are named, rules first', async () => {
  await using store = await openStore({ file: ':memory:' })
  const ada = await addUser(store, 'ada')
  for (let number = 0; number < 15; number++) {
    await addDevice(store, ada.id, `laptop-${number}`)
    await rule(store, `rule-${number}`, { users: ['ada'] })
  }
  const users = await store.objects.usedBy(ada.id)
  assert.equal(users.length, 20)
  assert.deepEqual(
    users.map((text) => text.split(' ')[0]),
    [...Array<string>(15).fill('access'), ...Array<string>(5).fill('client')],
  )
})

test('a reference that is written out of a spec no longer forbids the deletion', async () => {
  await using store = await openStore({ file: ':memory:' })
  await addUser(store, 'ada')
  await addUser(store, 'eve')
  const made = await rule(store, 'r', { users: ['ada', 'eve'] })
  await store.objects.put({ ...made, spec: { ...made.spec, conditions: { users: ['eve'] } } })
  await store.objects.delete('user', 'ada')
  await assert.rejects(store.objects.delete('user', 'eve'), { code: 'IN_USE' })
  await store.objects.delete('access-rule', 'r')
  await store.objects.delete('user', 'eve')
})

test('names are told for objects, connectors and devices alike, and not for what is gone', async () => {
  await using store = await openStore({ file: ':memory:' })
  const ada = await addUser(store, 'ada')
  const laptop = await addDevice(store, ada.id, 'laptop')
  const group = await put(store, 'connector-group', 'dc1')
  const connector = await store.connectors.create({
    ...{ groupId: group.id, publicKeyHash: 'p', fingerprint: {}, thumbprint: 't', serial: '1' },
    ...{ notAfterMs: 1, generation: 1, host: { name: 'web1', platform: 'linux', program: 'test' } },
  })
  const gone = ['usr_absent', 'dev_absent', 'con_absent']
  const names = await store.objects.namesByIds([ada.id, laptop.id, connector.id, group.id, ...gone])
  assert.deepEqual([...names.values()].sort(), ['ada', 'dc1', 'laptop', 'web1'])
  assert.deepEqual(
    (await Array.fromAsync(store.objects.allNames('connector'))).map(({ name }) => name),
    ['web1'],
  )
  assert.deepEqual(
    (await Array.fromAsync(store.objects.allNames('client-device'))).map(({ name }) => name),
    ['laptop'],
  )
})

test('many objects written at once are as if each had been put', async () => {
  await using store = await openStore({ file: ':memory:' })
  const group = await put(store, 'user-group', 'staff')
  const spec = OBJECT_KINDS.user.spec.parse({})
  const objects = Array.from({ length: 130 }, (_, number) => {
    const id = `usr_${String(number).padStart(26, '0')}`
    return {
      ...{
        kind: 'user' as const,
        id,
        name: `user-${number}`,
        spec: JSON.stringify({ ...spec, groups: [group.id] }),
      },
      uses: [{ fromKind: 'user', fromId: id, toKind: 'user-group', toId: group.id }],
    }
  })
  const heard: string[] = []
  using _identity = store.bus.subscribe('identity', ({ id }) => heard.push(id))
  assert.deepEqual(new Set(await store.objects.writeAll(objects)), new Set([1]))
  const [first] = objects
  const stored = await store.objects.get('user', 'user-0')
  assert.deepEqual([stored.id, stored.version, stored.spec.groups], [first!.id, 1, [group.id]])
  assert.equal(heard.length, 130)
  await assert.rejects(store.objects.delete('user-group', 'staff'), { code: 'IN_USE' })

  const before = { version: 1, createdMs: stored.createdMs }
  const changed = { ...first!, name: 'renamed', spec: JSON.stringify(spec), uses: [], before }
  assert.deepEqual(await store.objects.writeAll([changed]), [2])
  assert.equal((await store.objects.get('user', 'renamed')).createdMs, stored.createdMs)

  const ids = objects.map(({ id }) => id)
  await rule(store, 'r', { users: ['renamed'] })
  assert.deepEqual(await store.objects.deleteAll('user', ids), new Set([first!.id]))
  assert.equal((await store.objects.all('user')).length, 130, 'nothing was deleted')
  assert.deepEqual(await store.objects.deleteAll('user', ids.slice(1)), new Set())
  assert.deepEqual(
    (await store.objects.all('user')).map(({ name }) => name),
    ['renamed'],
  )
  await store.objects.delete('user-group', 'staff')
})
