import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createKeyAndCsr } from '../../pki/csr.ts'
import { PROTOCOL_VERSION } from '../../wire/control.ts'
import type { Authenticator } from '../base/authenticator.ts'
import { hashPassword } from '../base/password.ts'
import type { ControlParts } from '../parts.ts'
import { admitted } from '../presence/admitted.ts'
import { agentRecord } from '../presence/agent-record.ts'
import { handClock } from '../rest/fixture.ts'
import { adoptCertificate } from './adopt.ts'
import { renew } from './certify.ts'
import { connected, openControl, put } from './control.fixture.ts'
import { signInDevice } from './sign-in.ts'

const HOUR_MS = 3_600_000
const PASSWORD = 'a password of ada'

async function world(t: TestContext) {
  const clock = handClock(Date.UTC(2026, 10, 30))
  const control = await openControl({ clock })
  t.after(() => control[Symbol.asyncDispose]())
  const { store, parts } = control
  const user = await put(store, 'user', 'ada')
  await store.passwords.put(user.id, await hashPassword(PASSWORD))
  const device = async (name = 'laptop', over: Partial<ControlParts> = {}) => {
    const { csrPem } = await createKeyAndCsr(name)
    const login = () =>
      signInDevice(
        { ...parts, ...over },
        {
          ...{ version: PROTOCOL_VERSION, user: 'ada', password: PASSWORD, csr: csrPem },
          ...{ device: { name, platform: 'test', program: 'test' }, timeMs: clock.nowMs() },
        },
        '192.0.2.7',
      )
    const reply = await login()
    const identity = { tenant: parts.tenant, role: 'client', id: reply.id } as const
    /** As the holder of a certificate that ends then; it has used it. */
    const holding = async (notAfterMs: number, thumbprint = `t${notAfterMs}`) => {
      const { peer, ...rest } = connected('client', reply.id)
      const now = (await store.devices.byId(reply.id))!
      const is = notAfterMs === now.notAfterMs ? now.thumbprint : thumbprint
      return { ...rest, peer: { ...peer, identity, notAfterMs, thumbprint: is } }
    }
    const hello = async (notAfterMs: number, other?: string) => {
      const record = await admitted(store, identity, clock.nowMs())
      const { peer } = await holding(notAfterMs)
      const who = other === undefined ? peer : { ...peer, thumbprint: other }
      await adoptCertificate(store, who, record, '203.0.113.9')
    }
    const renewed = async (notAfterMs: number) => {
      const answer = await renew(parts, await holding(notAfterMs), { id: 'req_1', csr: csrPem })
      assert.ok(answer.type === 'renewed')
      return answer.notAfterMs
    }
    return { id: reply.id, reply, login, hello, renewed }
  }
  return { clock, store, parts, user, device }
}

type World = Awaited<ReturnType<typeof world>>

/** Renews day after day. @returns the end of the certificate that it then holds. */
async function sixDays(clock: World['clock'], laptop: Awaited<ReturnType<World['device']>>): Promise<number> {
  let { notAfterMs } = laptop.reply
  for (let days = 0; days < 6; days++) {
    clock.advance(23 * HOUR_MS)
    notAfterMs = await laptop.renewed(notAfterMs)
    await laptop.hello(notAfterMs)
  }
  return notAfterMs
}

test('a device renews until its sign-in ends, to no later time, and then no more', async (t) => {
  const { clock, store, device } = await world(t)
  const laptop = await device()
  const endMs = clock.nowMs() + 7 * 24 * HOUR_MS
  assert.equal(laptop.reply.signInEndsMs, endMs)
  const notAfterMs = await sixDays(clock, laptop)
  clock.advance(23 * HOUR_MS)
  assert.equal(await laptop.renewed(notAfterMs), endMs)
  await laptop.hello(endMs)
  await assert.rejects(laptop.renewed(endMs), {
    code: 'REAUTH_NEEDED',
    detail: /a certificate cannot outlast it/,
  })
  clock.advance(8 * HOUR_MS)
  for (const work of [laptop.renewed, laptop.hello]) {
    await assert.rejects(work(endMs), { code: 'REAUTH_NEEDED', detail: /lasted until 2026-12-07T00:00:00/ })
  }
  await laptop.login()
  const { signIn: now } = (await store.devices.byId(laptop.id))!
  assert.equal(now?.endMs, clock.nowMs() + 7 * 24 * HOUR_MS)
})

const ENDS: Record<string, (o: Awaited<ReturnType<typeof world>> & { id: string }) => Promise<unknown>> = {
  'its user has another password': async ({ store, user }) =>
    store.passwords.put(user.id, await hashPassword('another password')),
  'the password of its user was taken away': ({ store, user }) => store.passwords.remove(user.id),
  'its user was disabled and enabled again': async ({ store }) => {
    const { id } = await store.objects.get('user', 'ada')
    await put(store, 'user', 'ada', { enabled: false }, id)
    await put(store, 'user', 'ada', { enabled: true }, id)
  },
  'it was disabled and enabled again': async ({ store, id }) => {
    await store.devices.update(id, { enabled: false })
    await store.devices.update(id, { enabled: true })
  },
  'it was signed out': ({ store, id }) => store.signIns.end({ deviceId: id }, { by: 'token admin' }),
  'its user was signed out everywhere': ({ store, user }) => store.signIns.end({ userId: user.id }),
}
for (const [what, end] of Object.entries(ENDS)) {
  test(`a device is let in no more and renews nothing when ${what}`, async (t) => {
    const w = await world(t)
    const [laptop, phone] = [await w.device(), await w.device('phone')]
    await laptop.hello(laptop.reply.notAfterMs)
    const version = await w.store.policyVersion()
    await end({ ...w, id: laptop.id })
    assert.ok((await w.store.policyVersion()) > version, 'live grants are looked at again')
    for (const work of [laptop.renewed, laptop.hello]) {
      await assert.rejects(work(laptop.reply.notAfterMs), {
        code: 'REAUTH_NEEDED',
        detail: /of 2026-11-30T00:00:00.* was ended at/,
      })
    }
    const [ended] = await w.store.signIns.ofDevice(laptop.id)
    assert.equal(ended?.ended?.atMs, w.clock.nowMs())
    const others = w.store.signIns.standing({ userId: w.user.id })
    const one = what.startsWith('it was')
    assert.deepEqual(await others, one ? [{ id: phone.id, name: 'phone' }] : [], 'other devices of the user')
  })
}

test('a password that is changed, or a user who is disabled, while it is looked at signs nobody in', async (t) => {
  const { parts, store, user, device } = await world(t)
  const meanwhile = (change: () => Promise<unknown>): Authenticator => ({
    async authenticate(attempt) {
      const proved = await parts.authenticator.authenticate(attempt)
      await change()
      return proved
    },
  })
  const hash = await hashPassword('the next one')
  const before = await store.passwords.get(user.id)
  const changed = meanwhile(() => store.passwords.put(user.id, hash))
  await assert.rejects(device('one', { authenticator: changed }), { code: 'LOGIN_FAILED' })
  await store.passwords.put(user.id, before!)
  const disabled = meanwhile(() => put(store, 'user', 'ada', { enabled: false }, user.id))
  await assert.rejects(device('two', { authenticator: disabled }), { code: 'LOGIN_FAILED' })
  assert.deepEqual(await store.devices.all(), [])
})

test('a copy of a device is noticed when one of the two has renewed: the other is refused, and a new sign-in ends the copy', async (t) => {
  const { clock, parts, store, device } = await world(t)
  const laptop = await device()
  const copied = laptop.reply.notAfterMs
  clock.advance(16 * HOUR_MS)
  const thief = await laptop.renewed(copied)
  await laptop.hello(thief)
  const clone = { code: 'IDENTITY_CLONED', detail: /from 203.0.113.9 and from .*generation 2/ }
  await assert.rejects(laptop.hello(copied), clone)
  await assert.rejects(laptop.renewed(copied), { code: 'IDENTITY_CLONED' })
  clock.advance(HOUR_MS)
  const { notAfterMs } = await laptop.login()
  await laptop.hello(notAfterMs)
  await assert.rejects(laptop.hello(thief), { code: 'IDENTITY_CLONED' })
  const identity = { tenant: parts.tenant, role: 'client', id: laptop.id } as const
  assert.equal((await agentRecord(store, identity))?.generation, 3)
})

test('a copy is noticed in the last day of a sign-in as well, when all that is renewed ends with it', async (t) => {
  const { clock, device } = await world(t)
  const laptop = await device()
  const notAfterMs = await sixDays(clock, laptop)
  clock.advance(16 * HOUR_MS)
  const [copy, original] = [await laptop.renewed(notAfterMs), await laptop.renewed(notAfterMs)]
  assert.equal(copy, original)
  await laptop.hello(original, 'original')
  await assert.rejects(laptop.hello(copy, 'copy'), { code: 'IDENTITY_CLONED' })
  await laptop.hello(original, 'original')
})
