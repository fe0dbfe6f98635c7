import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../src/base/clock.ts'
import { newId } from '../src/base/ids.ts'
import { WEEKDAYS } from '../src/policy/rule.ts'
import type { CarriedGrant } from '../src/wire/control.ts'
import { openClientSite, PASSWORD, USER, until } from './client-site.ts'
import { enrolConnector, placeOf, RogueAgent, signInDevice } from './misuse-agent.ts'

/** The control plane's clock; what it gave out ends when a test says so. */
function shiftedClock() {
  let aheadMs = 0
  return {
    nowMs: () => systemClock.nowMs() + aheadMs,
    monotonicUs: () => systemClock.monotonicUs(),
    advance(ms: number) {
      aheadMs += ms
    },
  }
}

const ELEVEN_MINUTES_MS = 660_000
const DENY = {
  kind: 'access-rule',
  name: 'nothing any more',
  spec: { description: '', enabled: true, order: 0, action: 'deny', conditions: {} },
} as const

/** A connector, a device, and a grant that the one holds for an application behind the other. */
async function openGranted(t: { after(work: () => unknown): void }, clock = shiftedClock()) {
  const { site, ...rest } = await openClientSite({ clock })
  t.after(() => rest[Symbol.asyncDispose]())
  const own = await enrolConnector(placeOf(site), await site.key())
  const connector = await RogueAgent.connect(placeOf(site), own)
  t.after(() => connector[Symbol.asyncDispose]())
  const device = await signInDevice(placeOf(site), { user: USER, password: PASSWORD })
  const client = await RogueAgent.connect(placeOf(site), device)
  t.after(() => client[Symbol.asyncDispose]())
  const ask = { host: 'localhost', port: 22, protocol: 'tcp', wantPipe: false } as const
  const answer = await client.channel.request({ type: 'authorize', id: newId('req'), ...ask }, 5000)
  assert.equal(answer.type, 'granted')
  const granted = answer as Extract<typeof answer, { type: 'granted' }>
  const user = (await site.control.store.devices.byId(device.identity.id))!.userId
  const carried: CarriedGrant = {
    grant: granted.grantId,
    ...{ user, device: device.identity.id, segment: granted.segment, rule: granted.rule },
    ...{ protocol: 'tcp', host: 'localhost', port: 22 },
  }
  return { site, clock, connector, client, own, granted, carried }
}

const revokedOf = ({ heard }: RogueAgent) =>
  heard.flatMap((message) => (message.type === 'revoke' ? message.grants : []))

test('a session that outlives its grant is still cut when the permission is taken away', async (t) => {
  const { site, clock, connector, granted, carried } = await openGranted(t)
  clock.advance(ELEVEN_MINUTES_MS)
  connector.channel.send({ type: 'carries', ended: [carried] })
  await connector.channel.isAlive(5000)
  await site.control.store.objects.put(DENY)
  const { grants, detail } = await connector.hears('revoke')
  assert.deepEqual(grants, [granted.grantId])
  assert.match(detail, /nothing any more/)
})

test('also when the connector was away while it was taken, and the control plane has forgotten the grant', async (t) => {
  const { site, clock, connector, own, granted, carried } = await openGranted(t)
  await connector[Symbol.asyncDispose]()
  clock.advance(ELEVEN_MINUTES_MS)
  await site.control.store.objects.put(DENY)
  await using back = await RogueAgent.connect(placeOf(site), own)
  back.channel.send({ type: 'carries', ended: [carried] })
  await back.channel.isAlive(5000)
  const { id } = await site.control.store.objects.get('access-rule', DENY.name)
  await site.control.store.objects.put({ ...DENY, id, name: 'still nothing' })
  const { grants } = await back.hears('revoke')
  assert.deepEqual(grants, [granted.grantId])
})

test('a port that is taken from the segment takes along what rests on it, live and long ended', async (t) => {
  const { site, connector, client, granted, carried } = await openGranted(t)
  const ended = { ...carried, grant: newId('grt') }
  connector.channel.send({ type: 'carries', ended: [ended, { ...ended, grant: newId('grt'), port: 443 }] })
  await connector.channel.isAlive(5000)
  const segment = await site.control.store.objects.get('segment', 'app')
  await site.control.store.objects.put({
    ...{ kind: 'segment', id: segment.id, name: segment.name },
    spec: { ...segment.spec, tcp: ['443'] },
  })
  // Live grants are durable before they are told of; ended ones are told of after them.
  await until(() => revokedOf(connector).length === 2)
  assert.deepEqual(revokedOf(connector).toSorted(), [granted.grantId, ended.grant].toSorted())
  assert.deepEqual((await client.hears('revoke')).grants.includes(granted.grantId), true)
})

test('a network that is taken from the segment takes along the grants that lead there; one more takes nothing', async (t) => {
  const { site, connector, granted } = await openGranted(t)
  const { objects } = site.control.store
  const change = async (addressCidrs: string[]) => {
    const { id, name, spec } = await objects.get('segment', 'app')
    await objects.put({ kind: 'segment', id, name, spec: { ...spec, addressCidrs } })
  }
  await change(['127.0.0.0/8', '::1/128', '10.0.0.0/8'])
  await change(['127.0.0.0/8', '::1/128'])
  await connector.channel.isAlive(5000)
  assert.deepEqual(revokedOf(connector), [])
  await change(['127.0.0.0/8'])
  const { grants, detail } = await connector.hears('revoke')
  assert.deepEqual(grants, [granted.grantId])
  assert.match(detail, /fewer networks/)
})

test('what a window of time ends is cut at its end, although nothing else is changed', async (t) => {
  const { site, clock, connector, granted, carried } = await openGranted(t)
  const MINUTE_MS = 60_000
  const endMs = (Math.floor(clock.nowMs() / MINUTE_MS) + 2) * MINUTE_MS
  const timeAt = (ms: number) => new Date(ms).toISOString().slice(11, 16)
  const days = [...WEEKDAYS]
  const time = { days, from: timeAt(endMs), to: timeAt(endMs + 10 * MINUTE_MS), zone: 'UTC' }
  // The look that follows from the change itself is over when it has taken this one.
  connector.channel.send({
    type: 'carries',
    ended: [{ ...carried, grant: newId('grt'), user: newId('usr') }],
  })
  await connector.channel.isAlive(5000)
  await site.control.store.objects.put({ ...DENY, spec: { ...DENY.spec, conditions: { time } } })
  await until(() => revokedOf(connector).length === 1)
  assert.notEqual(revokedOf(connector)[0], granted.grantId)
  clock.advance(endMs - clock.nowMs())
  await until(() => revokedOf(connector).length === 2, 5000)
  assert.equal(revokedOf(connector)[1], granted.grantId)
})

test('a connector that claims the grant of another one takes nothing from it', async (t) => {
  const { site, connector, client, granted, carried } = await openGranted(t)
  await using other = await RogueAgent.connect(
    placeOf(site),
    await enrolConnector(placeOf(site), await site.key()),
  )
  other.channel.send({ type: 'carries', ended: [{ ...carried, user: newId('usr') }] })
  await other.channel.isAlive(5000)
  const rule = await site.control.store.objects.get('access-rule', 'the rest')
  await site.control.store.objects.put({
    ...{ kind: 'access-rule', id: rule.id, name: 'looked at again', spec: rule.spec },
  })
  // The look at policy is done when another grant, which it must revoke, was revoked.
  const marker = { ...carried, grant: newId('grt'), user: newId('usr') }
  connector.channel.send({ type: 'carries', ended: [marker] })
  await connector.channel.isAlive(5000)
  await site.control.store.objects.put({
    ...{ kind: 'access-rule', id: rule.id, name: 'and again', spec: rule.spec },
  })
  const { grants } = await connector.hears('revoke')
  assert.deepEqual(grants, [marker.grant])
  assert.equal(
    client.heard.flatMap((m) => (m.type === 'revoke' ? m.grants : [])).includes(granted.grantId),
    false,
  )
})

test('ten thousand grants revoked at once reach their connector, and do not keep it from coming back', async (t) => {
  const { site, clock, connector, own, client, granted } = await openGranted(t)
  const [like] = await site.control.store.revocations.live(clock.nowMs())
  const ids = Array.from({ length: 10_000 }, () => newId('grt'))
  await site.control.store.transaction(async (tx) => {
    for (const id of ids) {
      await tx.revocations.issued({ ...like!, id })
      await tx.revocations.revokeGrants([id], { reason: 'test', expiresMs: granted.expiresMs })
    }
  })
  await connector[Symbol.asyncDispose]()
  await using back = await RogueAgent.connect(placeOf(site), own)
  assert.equal(await back.channel.isAlive(5000), true)
  const heard = new Set([
    ...back.welcome.revoked,
    ...back.heard.flatMap((message) => (message.type === 'revoke' ? message.grants : [])),
  ])
  assert.equal(heard.size, ids.length)
  await using stranger = await RogueAgent.connect(
    placeOf(site),
    await enrolConnector(placeOf(site), await site.key()),
  )
  assert.deepEqual(stranger.welcome.revoked, [], 'nobody is told of grants that are none of theirs')
  assert.equal(client.channel.isOpen, true)
})
