import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS } from '../api/kinds.ts'
import { openStore } from '../store/store.ts'
import { Attempts, placeOf } from './attempts.ts'
import { LocalAuthenticator } from './authenticator.ts'
import { checkPassword, hashPassword } from './password.ts'
import { handClock } from './rest/fixture.ts'

const PASSWORD = 'correct horse battery'

async function withAlice(limits: { atOnce?: number; queue?: number } = {}) {
  const clock = handClock()
  const store = await openStore({ file: ':memory:', clock })
  const spec = OBJECT_KINDS.user.spec.parse({})
  const { id } = await store.objects.put({ kind: 'user', name: 'alice', spec })
  await store.passwords.put(id, await hashPassword(PASSWORD))
  const authenticator = new LocalAuthenticator({ store, clock, ...limits })
  const signIn = (o: { name?: string; password?: string; from?: string } = {}) =>
    authenticator.authenticate({ name: 'alice', password: PASSWORD, from: '192.0.2.1', ...o })
  return { store, clock, id, spec, signIn, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

test('a password is kept as argon2id of the advised cost and matches only itself', async () => {
  const text = await hashPassword(PASSWORD)
  assert.match(text, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.notEqual(text, await hashPassword(PASSWORD), 'each has a salt of its own')
  assert.equal(await checkPassword(PASSWORD, text), true)
  assert.equal(await checkPassword(`${PASSWORD} `, text), false)
  const composed = await hashPassword('caf\u00e9 terrace')
  assert.equal(await checkPassword('cafe\u0301 terrace', composed), true, 'as another keyboard would send it')
})

test('what is no hash of ours, or would cost too much to check, matches nothing', async () => {
  const costly =
    '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQxNmJ5dGVzIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
  for (const text of ['', 'plain', '$2b$10$abcdefghijklmnopqrstuv', costly]) {
    assert.equal(await checkPassword(PASSWORD, text), false)
  }
})

test('the right password of an enabled user signs in; all else gives one and the same answer', async () => {
  await using alice = await withAlice()
  assert.deepEqual(await alice.signIn(), { id: alice.id, name: 'alice' })
  await assert.rejects(alice.signIn({ password: 'wrong' }), { code: 'LOGIN_FAILED', detail: 'user alice' })
  await assert.rejects(alice.signIn({ name: 'nobody' }), { code: 'LOGIN_FAILED', detail: 'user nobody' })
  await alice.store.objects.put({
    kind: 'user',
    id: alice.id,
    name: 'alice',
    spec: { ...alice.spec, enabled: false },
  })
  await assert.rejects(alice.signIn(), { code: 'LOGIN_FAILED', detail: 'user alice' })
})

test('who guesses from one place waits; others go on', async () => {
  await using alice = await withAlice()
  for (let n = 0; n < 11; n++)
    await assert.rejects(alice.signIn({ password: 'wrong' }), { code: 'LOGIN_FAILED' })
  await assert.rejects(alice.signIn(), { code: 'RATE_LIMITED', seen: { retryAfterS: 1 } })
  await alice.signIn({ from: '198.51.100.7' })
  alice.clock.advance(1000)
  await alice.signIn()
})

test('many at once are done in turn, none forgotten; more than the queue holds are turned away', async () => {
  await using alice = await withAlice({ atOnce: 2, queue: 5 })
  const all = await Promise.allSettled(Array.from({ length: 12 }, () => alice.signIn()))
  const refused = all.filter((one) => one.status === 'rejected')
  assert.equal(all.length - refused.length, 2 + 5)
  for (const one of refused) assert.equal(one.reason.code, 'RATE_LIMITED')
})

test('attempts: the wait doubles to its limit, ends by itself, and is forgotten on success', () => {
  const clock = handClock()
  const attempts = new Attempts({ clock, free: 1, maxWaitMs: 5000 })
  const waits = []
  for (let n = 0; n < 6; n++) {
    attempts.failed('k')
    try {
      attempts.check('k')
      waits.push(0)
    } catch (fault) {
      waits.push((fault as { seen: { retryAfterS: number } }).seen.retryAfterS)
    }
  }
  assert.deepEqual(waits, [0, 1, 2, 4, 5, 5])
  clock.advance(5000)
  attempts.check('k')
  attempts.succeeded('k')
  attempts.failed('k')
  attempts.check('k')
})

const PLACES: [address: string, place: string][] = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
]
for (const [address, place] of PLACES) {
  test(`attempts from ${address} count for ${place}`, () => assert.equal(placeOf(address), place))
}
