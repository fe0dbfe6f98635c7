/** Sign-ins through the whole system: what ends one ends what rests on it, live sessions too, and the device says why. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import type { Fault } from '../src/base/faults.ts'
import { newId } from '../src/base/ids.ts'
import { parseForward } from '../src/client/address/forward-spec.ts'
import { type Profile, profileSchema } from '../src/client/uplink/profile.ts'
import { hashPassword } from '../src/control/base/password.ts'
import type { Store } from '../src/store/store.ts'
import { openClientSite, PASSWORD, USER, until } from './client-site.ts'
import { read, serveEcho } from './client-traffic.ts'
import { placeOf, RogueAgent } from './misuse-agent.ts'

/** As P6 has it, for sessions too; a busy machine of tests gets more. */
const SOON_MS = 5000

async function openRunning(t: { after(work: () => unknown): void }) {
  const opened = await openClientSite()
  t.after(() => opened[Symbol.asyncDispose]())
  const echo = await serveEcho()
  t.after(() => echo[Symbol.asyncDispose]())
  await opened.connector('connector')
  await opened.signIn()
  const forward = parseForward(`127.0.0.1:0 localhost:${echo.port}`)
  const { client } = await opened.client({ forwards: [forward] })
  /** Through the forward: what comes back for a word, or nothing where it is cut. */
  const dial = async () => {
    const [host, port] = client.status().forwards[0]!.local.split(':')
    const socket = net.connect(Number(port), host)
    socket.on('error', () => {})
    socket.write('hello')
    const closed = new Promise<undefined>((resolve) => socket.once('close', () => resolve(undefined)))
    const answered = await Promise.race([read(socket, 5).then(String, () => undefined), closed])
    return { socket, answered }
  }
  const profile = async () =>
    profileSchema.parse(JSON.parse(await readFile(path.join(opened.clientDir, 'profile.json'), 'utf8')))
  return { ...opened, client, dial, profile, store: opened.site.control.store }
}

/** A thief with a copy of the state directory. */
function thiefOf({ tenant, deviceId, keyPem, certificate, rootPem, notAfterMs, generation }: Profile) {
  const identity = { tenant, role: 'client', id: deviceId } as const
  return { identity, keyPem, certificate, rootPem, notAfterMs, generation }
}

const ENDS: { what: string; end: (store: Store, user: string, device: string) => Promise<unknown> }[] = [
  {
    what: 'the password is changed',
    end: async (store, user) => store.passwords.put(user, await hashPassword('the next password')),
  },
  { what: 'the user is signed out everywhere', end: (store, userId) => store.signIns.end({ userId }) },
  {
    what: 'the device is disabled and enabled again',
    end: async (store, _user, device) => {
      await store.devices.update(device, { enabled: false })
      await store.devices.update(device, { enabled: true })
    },
  },
]
for (const { what, end } of ENDS) {
  test(`${what}: live sessions are cut, no copy of the device gets in, and signing in is what helps`, async (t) => {
    const { site, client, dial, profile, store, signIn } = await openRunning(t)
    const { socket, answered } = await dial()
    assert.equal(answered, 'hello')
    const stolen = thiefOf(await profile())
    const user = (await store.objects.get('user', USER)).id
    await end(store, user, stolen.identity.id)
    await until(() => socket.destroyed, SOON_MS)
    // Disabled, it hears that first.
    await until(
      () => /was ended at .*: (the|it) |is disabled/.test(client.status().fault?.detail ?? ''),
      SOON_MS,
    )
    assert.equal((await dial()).answered, undefined)
    const { code } = client.status().fault!
    assert.ok(client.status().decisions.some((decision) => decision.code === code))
    const why = { code: 'REAUTH_NEEDED', detail: /was ended at .*: (the|it) / }
    await assert.rejects(RogueAgent.connect(placeOf(site), stolen), why)

    await store.passwords.put(user, await hashPassword(PASSWORD))
    await signIn({ edge: undefined, pin: undefined, user: undefined })
    await until(() => client.status().state === 'connected')
    assert.equal((await dial()).answered, 'hello')
    await assert.rejects(RogueAgent.connect(placeOf(site), stolen), (fault: Fault) =>
      ['REAUTH_NEEDED', 'IDENTITY_CLONED'].includes(fault.code),
    )
  })
}

test('a certificate that was given out for a device is of no use to another place once the device has renewed', async (t) => {
  const { site, client, profile, store } = await openRunning(t)
  const before = await profile()
  const device = before.deviceId
  const thief = await RogueAgent.connect(placeOf(site), thiefOf(before), { host: 'elsewhere' })
  t.after(() => thief[Symbol.asyncDispose]())
  assert.equal(site.control.presence.clients(device).size, 2)
  // The certificate of the same second would not be newer.
  await until(() => Date.now() >= before.receivedMs + 1500)
  const renewed = await thief.channel.request({ type: 'renew', id: newId('req'), csr: before.csrPem }, 5000)
  assert.ok(renewed.type === 'renewed')
  assert.ok(renewed.notAfterMs > before.notAfterMs)
  const { certificate, notAfterMs } = renewed
  await using again = await RogueAgent.connect(placeOf(site), { ...thiefOf(before), certificate, notAfterMs })
  assert.ok(again.channel.isOpen)
  await assert.rejects(RogueAgent.connect(placeOf(site), thiefOf(before)), { code: 'IDENTITY_CLONED' })
  const late = thief.channel.request({ type: 'renew', id: newId('req'), csr: before.csrPem }, 5000)
  await assert.rejects(late, { code: 'IDENTITY_CLONED' })
  assert.equal((await store.devices.byId(device))?.generation, before.generation + 1)
  assert.equal(
    client.status().state,
    'connected',
    'what is connected goes on until it has to prove itself anew',
  )
})
