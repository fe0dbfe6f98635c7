import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../src/base/clock.ts'
import { login } from '../src/client/commands/login.ts'
import type { Profile } from '../src/client/uplink/profile.ts'
import { hashPassword } from '../src/control/base/password.ts'
import { openTenant } from '../src/control/base/tenant.ts'
import { loadMasterKey } from '../src/pki/master-key.ts'
import { Vault } from '../src/pki/vault.ts'
import { type ClientSite, openClientSite, PASSWORD, until } from './client-site.ts'

const DAY_MS = 86_400_000

/** As of a laptop that was shut for three days. */
async function endCertificate({ site, clientDir }: ClientSite): Promise<void> {
  const file = path.join(clientDir, 'profile.json')
  const profile = JSON.parse(await readFile(file, 'utf8')) as Profile
  const { key } = await loadMasterKey({ file: path.join(site.dir, 'server', 'master.key') })
  const { authority } = await openTenant(site.control.store, new Vault(key), systemClock)
  const receivedMs = Date.now() - 3 * DAY_MS
  const { certificate, notAfterMs } = await authority.issue({
    csrPem: profile.csrPem,
    identity: { tenant: profile.tenant, role: 'client', id: profile.deviceId },
    ...{ lifeMs: DAY_MS, nowMs: receivedMs },
  })
  await writeFile(file, JSON.stringify({ ...profile, certificate, notAfterMs, receivedMs }))
}

test('a device whose certificate has ended says at once that somebody must sign in, and is the same device after', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.signIn()
  await endCertificate(site)
  const { client } = await site.client()
  await until(() => client.status().fault !== undefined)
  const { fault, id } = client.status()
  assert.deepEqual([fault?.code, fault?.hop], ['REAUTH_NEEDED', 'client'])
  assert.match(fault?.detail ?? '', /the device certificate expired 2/)
  await site.signIn({ edge: undefined, pin: undefined, user: undefined }) // as it was the first time
  await until(() => client.status().state === 'connected')
  assert.equal(client.status().id, id)
})

test('whoever never signed in must say who signs in', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await assert.rejects(site.signIn({ user: undefined }), { code: 'INVALID', seen: { missing: 'user' } })
})

test('whoever signs in where somebody else was is told whose sign-in that ends', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  const { objects, passwords, devices } = site.site.control.store
  const spec = { description: '', enabled: true, displayName: '', email: '', groups: [] }
  const ben = await objects.put({ kind: 'user', name: 'ben', spec })
  await passwords.put(ben.id, await hashPassword(PASSWORD))
  const as = (user: string) =>
    login({
      ...{ stateDir: site.clientDir, edge: { host: '127.0.0.1', port: site.site.edge.port } },
      ...{ pin: site.site.control.pin, user, password: PASSWORD, env: {}, deviceName: 'laptop' },
      ...{ proxyFile: path.join(site.site.dir, 'none'), signal: AbortSignal.timeout(20_000) },
    })
  const first = await as('ada')
  assert.equal(first.replaced, undefined)
  assert.equal((await as('ada')).replaced, undefined, 'the same person again')
  const second = await as('ben')
  assert.deepEqual(second.replaced, { user: 'ada', deviceId: first.deviceId })
  // Both devices are called alike: whose each is stands beside its id.
  await assert.rejects(devices.get('laptop'), {
    code: 'INVALID',
    detail: new RegExp(
      `${first.deviceId} of ada or ${second.deviceId} of ben|${second.deviceId} of ben or ${first.deviceId} of ada`,
    ),
  })
})
