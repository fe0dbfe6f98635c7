import assert from 'node:assert/strict'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { newId } from '../src/base/ids.ts'
import { openClientSite, PASSWORD, USER } from './client-site.ts'
import { enrolConnector, placeOf, RogueAgent, signInDevice } from './misuse-agent.ts'

const ASK = {
  ...({ type: 'authorize', port: 22, protocol: 'tcp', wantPipe: true } as const),
  ...{ host: 'localhost' },
}
const DENY = {
  kind: 'access-rule',
  name: 'nothing any more',
  spec: { description: '', enabled: true, order: 0, action: 'deny', conditions: {} },
} as const

/** A database in which no audit record can be written any more, as on a full disk. */
function refuseAudit(dir: string): DatabaseSync {
  const raw = new DatabaseSync(path.join(dir, 'server', 'backstitch.db'))
  raw.exec(`CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
  return raw
}

test('what cannot be written down does not happen: no certificate, no sign-in, no grant, no pipe, no use of a key', async (t) => {
  const { site, ...rest } = await openClientSite()
  t.after(() => rest[Symbol.asyncDispose]())
  const place = placeOf(site)
  const who = { user: USER, password: PASSWORD }
  await using connector = await RogueAgent.connect(place, await enrolConnector(place, await site.key()))
  await using client = await RogueAgent.connect(place, await signInDevice(place, who))
  const key = await site.key()
  const raw = refuseAudit(site.dir)
  t.after(() => raw.close())
  const count = (what: string) => raw.prepare(`SELECT ${what} AS n`).get()!.n
  const COUNTS = [
    ...['connector', 'device', 'grant_issued'].map((table) => `(SELECT count(*) FROM ${table})`),
    '(SELECT sum(uses) FROM provisioning_key)',
  ]
  const before = COUNTS.map(count)

  await assert.rejects(enrolConnector(place, key))
  await assert.rejects(signInDevice(place, who))
  await assert.rejects(client.channel.request({ ...ASK, id: newId('req') }, 5000))
  await assert.rejects(
    client.channel.request({ ...ASK, id: newId('req'), host: 'secret.test', port: 443 }, 5000),
  )
  assert.deepEqual(COUNTS.map(count), before)
  await connector.channel.isAlive(5000)
  // News of edges comes when it comes.
  const tickets = connector.heard.filter(({ type }) => type === 'ticket')
  assert.deepEqual(tickets, [], 'no ticket went out')

  raw.exec('DROP TRIGGER full')
  await enrolConnector(place, key)
  const answer = await client.channel.request({ ...ASK, id: newId('req') }, 5000)
  assert.equal(answer.type, 'granted')
  assert.equal((await site.control.store.audit.verify()).intact, true)
})

test('by the time an answer is heard its record is durable: another process reads it', async (t) => {
  const { site, ...rest } = await openClientSite()
  t.after(() => rest[Symbol.asyncDispose]())
  const place = placeOf(site)
  const raw = new DatabaseSync(path.join(site.dir, 'server', 'backstitch.db'), { readOnly: true })
  t.after(() => raw.close())
  const last = () => raw.prepare('SELECT action, object FROM audit ORDER BY seq DESC LIMIT 1').get()

  const own = await enrolConnector(place, await site.key())
  assert.deepEqual({ ...last() }, { action: 'connector.enrol', object: `connector ${own.identity.id}` })
  await using connector = await RogueAgent.connect(place, own)
  const device = await signInDevice(place, { user: USER, password: PASSWORD })
  assert.deepEqual({ ...last() }, { action: 'device.sign-in', object: `client-device ${device.identity.id}` })
  await using client = await RogueAgent.connect(place, device)
  const granted = await client.channel.request({ ...ASK, id: newId('req') }, 5000)
  assert.ok(granted.type === 'granted')
  assert.deepEqual({ ...last() }, { action: 'grant.issue', object: `grant ${granted.grantId}` })
  await assert.rejects(
    client.channel.request({ ...ASK, id: newId('req'), host: 'secret.test', port: 443 }, 5000),
  )
  assert.equal(last()?.action, 'access.denied')
  await site.control.store.objects.put(DENY)
  await connector.hears('revoke')
  assert.deepEqual({ ...last() }, { action: 'grant.revoke', object: `grant ${granted.grantId}` })
})
