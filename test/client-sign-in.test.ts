import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../src/base/clock.ts'
import type { Profile } from '../src/client/profile.ts'
import { openTenant } from '../src/control/tenant.ts'
import { loadMasterKey } from '../src/pki/master-key.ts'
import { Vault } from '../src/pki/vault.ts'
import { type ClientSite, openClientSite, until } from './client-site.ts'

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
  assert.match(fault?.detail ?? '', /the device certificate ended 2/)
  await site.signIn({ edge: undefined, pin: undefined, user: undefined }) // as it was the first time
  await until(() => client.status().state === 'connected')
  assert.equal(client.status().id, id)
})

test('whoever never signed in must say who signs in', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await assert.rejects(site.signIn({ user: undefined }), { code: 'INVALID', seen: { missing: 'user' } })
})
