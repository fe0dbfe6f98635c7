/** What an edge says of somebody else's address counts against that edge, and against nobody who has the address. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { hashPassword } from '../src/control/base/password.ts'
import { createToken } from '../src/control/rest/auth.ts'
import { createKeyAndCsr } from '../src/pki/csr.ts'
import { parseProvisioningKey } from '../src/pki/provisioning-key.ts'
import { openDirect, openRogueEdge, type Way } from './rogue-edge.ts'
import { openSite, type Site } from './site.ts'

const VICTIM = '203.0.113.5'
const PASSWORD = 'correct horse battery'

async function addUser({ control: { store } }: Site, name: string): Promise<void> {
  const spec = { description: '', enabled: true, displayName: '', email: '', groups: [] }
  const { id } = await store.objects.put({ kind: 'user', name, spec })
  await store.passwords.put(id, await hashPassword(PASSWORD))
}

async function guess(way: Way, count: number, user = 'alice'): Promise<string[]> {
  const all = Array.from({ length: count }, (_, n) =>
    way.login(user, `guess ${n}`).then(
      () => 'in',
      (fault) => fault.code as string,
    ),
  )
  return Promise.all(all)
}

for (const claimed of [
  '127.0.0.1',
  '::1',
  '0.0.0.0',
  '::',
  '169.254.1.1',
  'fe80::1',
  '224.0.0.1',
  '255.255.255.255',
]) {
  test(`an edge that says its peer is at ${claimed} is refused`, async () => {
    await using site = await openSite()
    await using edge = await openRogueEdge(site, claimed)
    await assert.rejects(edge.open(), { code: 'PROTOCOL_ERROR' })
  })
}

test('a private address is the word of that edge about its own, wherever it is written down', async () => {
  await using site = await openSite()
  await addUser(site, 'alice')
  await using edge = await openRogueEdge(site, '10.1.2.3')
  const { id } = await edge.login('alice', PASSWORD)
  const from = `10.1.2.3 via ${edge.id}`
  assert.equal((await site.control.store.devices.byId(id))?.lastAddress, from)
  const { items } = await site.control.store.audit.list({ limit: 100 })
  const record = items.find(({ action }) => action === 'device.sign-in')
  assert.match(JSON.stringify(record?.detail), new RegExp(from))
})

test('guesses of an edge that claims a victim: neither the victim nor another edge notices', async () => {
  await using site = await openSite()
  await addUser(site, 'alice')
  await using rogue = await openRogueEdge(site, VICTIM)
  const codes = await guess(rogue, 40)
  const judged = codes.filter((code) => code === 'LOGIN_FAILED').length
  assert.ok(judged >= 10 && judged <= 13, `${judged} guesses were judged`)
  await using victim = await openDirect(site, VICTIM)
  await using other = await openRogueEdge(site, VICTIM, 'honest')
  for (const way of [victim, other]) assert.ok((await way.login('alice', PASSWORD)).certificate)
  assert.deepEqual(await guess(victim, 1), ['LOGIN_FAILED'])
})

test('a device that signed in before gets in while strangers guess at its user from everywhere', async () => {
  await using site = await openSite()
  await addUser(site, 'alice')
  const { csrPem } = await createKeyAndCsr('laptop')
  await using home = await openDirect(site, VICTIM)
  await home.login('alice', PASSWORD, csrPem)
  await using rogue = await openRogueEdge(site, VICTIM)
  await using everywhere = await openDirect(site, VICTIM)
  await guess(rogue, 20)
  const flood: Promise<string[]>[] = []
  for (let n = 0; n < 60; n++) {
    everywhere.claimed = `2001:db8:${n.toString(16)}::1`
    flood.push(guess(everywhere, 1))
  }
  const { id } = await home.login('alice', PASSWORD, csrPem)
  assert.ok(id)
  assert.ok((await Promise.all(flood)).flat().includes('RATE_LIMITED'))
})

test('bad tokens and bad keys of an edge that claims a victim count for that edge alone', async () => {
  await using site = await openSite()
  const { text: token } = await site.control.store.transaction((tx) =>
    createToken(tx, { name: 't', role: 'auditor' }),
  )
  await using rogue = await openRogueEdge(site, VICTIM)
  const statuses = await Promise.all(Array.from({ length: 60 }, (_, n) => rogue.whoami(`bst_bad${n}`)))
  assert.deepEqual(new Set(statuses), new Set([401, 429]))
  await using victim = await openDirect(site, VICTIM)
  assert.deepEqual([await victim.whoami('bst_mine'), await victim.whoami(token)], [401, 200])
  assert.equal(await rogue.whoami(token), 200, 'and a valid one is valid there, too')
  const bad = () => rogue.enrol(randomBytes(32).toString('base64url')).catch((fault) => fault.code as string)
  const codes = await Promise.all(Array.from({ length: 80 }, bad))
  assert.ok(codes.includes('KEY_UNKNOWN') && codes.includes('RATE_LIMITED'))
  const { secret } = parseProvisioningKey(await site.key({ maxUses: 2 }))
  for (const way of [victim, rogue]) assert.ok((await way.enrol(secret)).certificate)
})

test('an edge that fills what it can leaves room for who comes directly and for other edges', async () => {
  await using site = await openSite({ limits: { connections: 40, connectionsPerAddress: 4 } })
  await addUser(site, 'alice')
  await using rogue = await openRogueEdge(site, VICTIM)
  await using other = await openRogueEdge(site, VICTIM, 'honest')
  await using victim = await openDirect(site, VICTIM)
  let taken = 0
  const fill = async () => {
    for (;;) {
      await rogue.open()
      taken++
    }
  }
  await assert.rejects(fill(), { code: 'EDGE_BUSY' })
  assert.equal(taken, 4, 'at one address')
  for (let n = 0; n < 40; n++) {
    rogue.claimed = `192.0.2.${n}`
    await rogue.open().then(
      () => taken++,
      () => {},
    )
  }
  assert.equal(taken, 10, 'at all')
  for (const way of [victim, other]) assert.ok((await way.login('alice', PASSWORD)).certificate)
})
