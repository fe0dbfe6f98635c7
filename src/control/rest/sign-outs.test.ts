import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enrolDevice } from '../agents/control.fixture.ts'
import { RestFixture } from './fixture.ts'

const ANY = { 'if-match': '*' }

/** Ada, with a password, signed in on three devices. */
async function world() {
  const rest = await RestFixture.open()
  const made = await rest.ask('POST', '/api/v1/users', { body: { name: 'ada', password: 'ada-password' } })
  const user = made.body.id as string
  const devices: string[] = []
  for (const name of ['desk', 'laptop', 'phone']) devices.push((await enrolDevice(rest.store, user, name)).id)
  const signedIn = async () => (await rest.store.signIns.standing({ userId: user })).map(({ name }) => name)
  return { rest, user, devices, signedIn, [Symbol.asyncDispose]: () => rest[Symbol.asyncDispose]() }
}

const names = (devices: { name: string }[]) => devices.map(({ name }) => name)

test('whatever sets a password or disables a user says which devices that signs out, and signs them out', async () => {
  const all = ['desk', 'laptop', 'phone']
  const document = { kind: 'user', name: 'ada', password: 'another-password' }
  const apply = (dryRun: boolean) => ({
    method: 'POST',
    path: '/api/v1/apply',
    body: { documents: [document], dryRun },
  })
  const ways = [
    { method: 'PATCH', path: '/api/v1/users/ada', body: { password: 'another-password' } },
    { method: 'PATCH', path: '/api/v1/users/ada', body: { password: null } },
    { method: 'PATCH', path: '/api/v1/users/ada', body: { enabled: false } },
    { method: 'PUT', path: '/api/v1/users/ada', body: { name: 'ada', password: 'another-password' } },
    apply(false),
    { ...apply(true), stays: true },
  ]
  for (const { method, path, body, ...way } of ways) {
    await using w = await world()
    const answer = await w.rest.ask(method, path, { body, headers: method === 'POST' ? {} : ANY })
    assert.equal(answer.status, 200, answer.text)
    const said = answer.body.signedOut ?? answer.body.steps[0].signedOut
    assert.deepEqual(names(said), all, `${method} ${JSON.stringify(body)}`)
    assert.deepEqual(await w.signedIn(), 'stays' in way ? all : [])
    if ('stays' in way) continue
    const { signIns, signIn } = (await w.rest.ask('GET', `/api/v1/client-devices/${w.devices[0]}`)).body
    assert.equal(signIn, undefined)
    assert.match(signIns[0].ended.by, /^token first/)
    const { items } = (await w.rest.ask('GET', '/api/v1/audit?limit=3')).body
    const entry = items.find((item: { action: string }) => item.action === 'user.update')
    assert.deepEqual(entry.detail.signedOut, w.devices)
  }
})

test('a change that leaves password and user as they are signs nobody out', async () => {
  await using w = await world()
  const body = { displayName: 'Ada L.' }
  const answer = await w.rest.ask('PATCH', '/api/v1/users/ada', { body, headers: ANY })
  assert.deepEqual([answer.status, answer.body.signedOut], [200, undefined])
  assert.equal((await w.signedIn()).length, 3)
})

test('signing out: a user everywhere, one device; an operator may, a reader may not', async () => {
  await using w = await world()
  const { rest, devices } = w
  const token = await rest.token('operator')
  const one = `/api/v1/client-devices/${devices[1]}/sign-out`
  assert.equal((await rest.ask('POST', one, { token: await rest.token('read-only') })).status, 403)
  assert.equal((await w.signedIn()).length, 3)
  const first = await rest.ask('POST', one, { token })
  assert.deepEqual(names(first.body.signedOut), ['laptop'])
  const runs = first.body.stillOpen.map(({ run }: { run: string }) => run)
  assert.deepEqual(runs, ['backstitch password ada', 'backstitch sign-out ada'])
  const rest2 = await rest.ask('POST', '/api/v1/users/ada/sign-out', { token })
  assert.deepEqual(names(rest2.body.signedOut), ['desk', 'phone'])
  assert.deepEqual(rest2.body.stillOpen.length, 1, 'the password')
  assert.deepEqual((await rest.ask('POST', '/api/v1/users/ada/sign-out', { token })).body.signedOut, [])
  const ended = (await rest.store.signIns.ofDevice(devices[0]!))[0]!.ended
  assert.deepEqual([ended?.because, ended?.by.startsWith('token a-operator')], ['signed-out', true])
})

test('a device that is disabled or deleted after a theft: the answer says what is open still, and how it is closed', async () => {
  await using w = await world()
  const { rest, devices } = w
  const path = (at: number) => `/api/v1/client-devices/${devices[at]}`
  const disabled = await rest.ask('PATCH', path(0), { body: { enabled: false }, headers: ANY })
  assert.deepEqual(disabled.body.stillOpen, [
    {
      what: 'the password of ada still works on any device: if it may be known to others, set a new one',
      run: 'backstitch password ada',
    },
    { what: '2 other devices of ada are signed in: laptop, phone', run: 'backstitch sign-out ada' },
  ])
  const enabled = await rest.ask('PATCH', path(0), { body: { enabled: true }, headers: ANY })
  assert.deepEqual([enabled.body.stillOpen, enabled.body.signIn], [undefined, undefined])
  const deleted = await rest.ask('DELETE', path(1), { headers: ANY })
  assert.equal(deleted.status, 200)
  assert.deepEqual(deleted.body.deleted, { id: devices[1], name: 'laptop' })
  assert.match(deleted.body.stillOpen[1].what, /^1 other device of ada is signed in: phone/)
  await rest.ask('PATCH', '/api/v1/users/ada', { body: { password: null }, headers: ANY })
  assert.deepEqual((await rest.ask('DELETE', path(2), { headers: ANY })).body.stillOpen, [])
})
