import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openClientSite, until } from './client-site.ts'

test('a client that lost the control plane tells of it when it is back', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.signIn()
  await site.client()
  const { store, presence } = site.site.control
  await until(() => [...presence.allClients()].length === 1)
  const { id } = [...presence.allClients()][0]!.peer.identity
  site.site.cut(({ identity }) => identity.role === 'client')
  await until(async () => (await store.outages.of(id)).length === 1)
  const [outage] = await store.outages.of(id)
  assert.equal(outage!.code, 'CONTROL_UNREACHABLE')
  assert.ok(outage!.endedMs >= outage!.sinceMs)
})
