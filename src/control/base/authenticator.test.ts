import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS } from '../../api/kinds.ts'
import { type Clock, systemClock } from '../../base/clock.ts'
import { openStore } from '../../store/store.ts'
import { handClock } from '../rest/fixture.ts'
import { LocalAuthenticator, type SignIn } from './authenticator.ts'
import { hashPassword } from './password.ts'

const PASSWORD = 'correct horse battery'
const SPEC = OBJECT_KINDS.user.spec.parse({})

interface Setting {
  readonly users?: readonly string[]
  readonly maxTurnMs?: number
  readonly clock?: Clock
}

async function withUsers({ users = [], maxTurnMs = 0, clock = systemClock }: Setting = {}) {
  const store = await openStore({ file: ':memory:', clock })
  const hash = await hashPassword(PASSWORD)
  const ids: Record<string, string> = {}
  for (const name of ['alice', ...users]) {
    const { id } = await store.objects.put({ kind: 'user', name, spec: SPEC })
    await store.passwords.put(id, hash)
    ids[name] = id
  }
  // How long one check takes is a matter of the machine.
  const authenticator = new LocalAuthenticator({ store, clock, maxTurnMs, maxQueueMs: 120_000 })
  const signIn = (o: Partial<SignIn> = {}) =>
    authenticator.authenticate({ name: 'alice', password: PASSWORD, from: '192.0.2.1', ...o })
  const wrong = (o: Partial<SignIn> = {}) =>
    signIn({ password: 'wrong', ...o }).then(
      () => 'signed in',
      (fault) => fault.code as string,
    )
  return { store, ids, signIn, wrong, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

function count(codes: readonly string[], code: string): number {
  return codes.filter((one) => one === code).length
}

test('the right password of an enabled user signs in; all else gives one and the same answer', async () => {
  await using t = await withUsers()
  const { id, name } = await t.signIn()
  assert.deepEqual({ id, name }, { id: t.ids.alice, name: 'alice' })
  await assert.rejects(t.signIn({ password: 'wrong' }), { code: 'LOGIN_FAILED', detail: 'user alice' })
  await assert.rejects(t.signIn({ name: 'nobody' }), { code: 'LOGIN_FAILED', detail: 'user nobody' })
  const spec = { ...SPEC, enabled: false }
  await t.store.objects.put({ kind: 'user', id: t.ids.alice, name: 'alice', spec })
  await assert.rejects(t.signIn(), { code: 'LOGIN_FAILED', detail: 'user alice' })
})

test('guesses from one place, one by one or all at once, are no more than it has; then one each two seconds', async () => {
  const clock = handClock()
  await using t = await withUsers({ clock })
  const codes = await Promise.all(Array.from({ length: 40 }, () => t.wrong()))
  assert.deepEqual([count(codes, 'LOGIN_FAILED'), count(codes, 'RATE_LIMITED')], [10, 30])
  clock.advance(6000)
  const more = await Promise.all(Array.from({ length: 40 }, () => t.wrong()))
  assert.equal(count(more, 'LOGIN_FAILED'), 3)
})

test('guesses at one user, by name or id, are bounded whatever place they come from', async () => {
  const clock = handClock()
  await using t = await withUsers({ clock })
  const guesses = Array.from({ length: 120 }, (_, n) =>
    t.wrong({ from: `198.51.100.${n}`, name: n % 2 === 0 ? 'alice' : t.ids.alice }),
  )
  assert.equal(count(await Promise.all(guesses), 'LOGIN_FAILED'), 30)
  clock.advance(60_000)
  const more = Array.from({ length: 120 }, (_, n) => t.wrong({ from: `203.0.113.${n}` }))
  assert.equal(count(await Promise.all(more), 'LOGIN_FAILED'), 10)
})

test('an account of ones own gives no more guesses at others: its sign-ins forgive nothing', async () => {
  const clock = handClock()
  await using t = await withUsers({ clock, users: ['mallory'] })
  let guesses = 0
  for (let round = 0; round < 8; round++) {
    const codes = await Promise.all(Array.from({ length: 9 }, () => t.wrong()))
    guesses += count(codes, 'LOGIN_FAILED')
    if (round > 0) clock.advance(2000) // for the own sign-in
    await t.signIn({ name: 'mallory' })
  }
  assert.ok(guesses <= 17, `${guesses} guesses in 14 s`)
})

test('the right password gets through while somebody at the same place fails without pause', async () => {
  await using t = await withUsers({ users: ['bob'], maxTurnMs: 60_000 })
  await Promise.all(Array.from({ length: 10 }, () => t.wrong({ name: 'bob' })))
  let isOver = false
  const attackers = Array.from({ length: 4 }, async () => {
    while (!isOver) await t.wrong({ name: 'bob' })
  })
  for (let n = 0; n < 2; n++) assert.equal((await t.signIn()).name, 'alice')
  isOver = true
  await Promise.all(attackers)
})

test('a device that signed in before is kept out by nobody: not by place, name, edge or queue', async () => {
  await using t = await withUsers()
  const device = { id: 'dev_1', userId: t.ids.alice! }
  const from = '192.0.2.1 via edg_1'
  const flood = Array.from({ length: 100 }, (_, n) => t.wrong({ from: n % 2 ? from : `2001:db8:${n}::1` }))
  let isOver = false
  const over = Promise.all(flood).then(() => {
    isOver = true
  })
  assert.equal((await t.signIn({ from, device })).name, 'alice')
  assert.equal(isOver, false, 'it did not wait for them')
  await over
  assert.equal((await t.signIn({ from, device })).name, 'alice')
  await assert.rejects(t.signIn({ from }), { code: 'RATE_LIMITED' })
})

test('guesses on a device that signed in before are bounded, too; one of another user is a stranger', async () => {
  await using t = await withUsers({ users: ['mallory'] })
  const device = { id: 'dev_1', userId: t.ids.alice! }
  const own = await Promise.all(Array.from({ length: 30 }, () => t.wrong({ device })))
  assert.equal(count(own, 'LOGIN_FAILED'), 10)
  const foreign = Array.from({ length: 30 }, (_, n) =>
    t.wrong({ from: '203.0.113.9', device: { id: `dev_m${n}`, userId: t.ids.mallory! } }),
  )
  assert.equal(count(await Promise.all(foreign), 'LOGIN_FAILED'), 10)
})

test('an edge that claims a victim, or ever new places, spends what is its own', async () => {
  await using t = await withUsers()
  const guesses = Array.from({ length: 100 }, (_, n) =>
    t.wrong({ from: `${n % 2 ? '192.0.2.1' : `203.0.113.${n}`} via edg_1` }),
  )
  const codes = await Promise.all(guesses)
  assert.equal(count(codes, 'LOGIN_FAILED'), 10, 'at one user')
  assert.equal((await t.signIn()).name, 'alice', 'who is claimed, directly')
  assert.equal((await t.signIn({ from: '192.0.2.1 via edg_2' })).name, 'alice', 'by another edge')
  const names = Array.from({ length: 90 }, (_, n) =>
    t.wrong({ name: `no${n}`, from: `2001:db8:${n}::1 via edg_1` }),
  )
  const sprayed = count(await Promise.all(names), 'LOGIN_FAILED')
  assert.ok(sprayed < 80, `${sprayed} at many users`)
})

test('a flood from one place keeps nobody of another one out, and hears when to come again', async () => {
  await using t = await withUsers({ users: ['bob'] })
  const flood = Array.from({ length: 60 }, () => t.signIn({ name: 'bob', from: '198.51.100.1' }))
  const settled = Promise.allSettled(flood)
  await t.signIn({ from: '203.0.113.1' })
  const refused = (await settled).filter((one) => one.status === 'rejected')
  assert.ok(refused.length > 0)
  for (const { reason } of refused) {
    assert.equal(reason.code, 'RATE_LIMITED')
    assert.ok(reason.seen.retryAfterS >= 1)
  }
})

test("everybody at nine o'clock, behind one address, gets in", async () => {
  await using t = await withUsers({ maxTurnMs: 60_000 })
  const all = await Promise.all(Array.from({ length: 75 }, () => t.signIn()))
  assert.equal(new Set(all.map(({ id }) => id)).size, 1)
})
