import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { asFault, type Fault, type FaultCode } from '../../base/faults.ts'
import { Authority, createAuthority } from '../../pki/authority.ts'
import { createKeyAndCsr } from '../../pki/csr.ts'
import { hashKeySecret } from '../../pki/provisioning-key.ts'
import { openStore } from '../../store/store.ts'
import { type EnrolRequest, PROTOCOL_VERSION } from '../../wire/control.ts'
import { Failures } from '../base/failures.ts'
import { openHomeEdge } from '../presence/home-edge.ts'
import { handClock } from '../rest/fixture.ts'
import { admitWithKey } from './admit-with-key.ts'
import { put } from './control.fixture.ts'
import { RefusedKeys } from './refused-keys.ts'

const START_MS = Date.UTC(2026, 5, 1)
const HOUR_MS = 3_600_000
const authority = await Authority.load('tnt_1', await createAuthority('tnt_1', START_MS))
const FROM = '192.0.2.7'

/** A group and an edge, each with a key of two uses. */
async function world() {
  const clock = handClock(START_MS)
  const store = await openStore({ file: ':memory:', clock })
  const { home, homeSecret } = await openHomeEdge(store, { host: 'edge.example', port: 443 })
  const parts = {
    ...{ store, authority, tenant: 'tnt_1', clock, home, homeSecret, refusedKeys: new RefusedKeys() },
    keyFailures: new Failures({ clock, free: 50, everyMs: 1000 }),
  }
  const group = await put(store, 'connector-group', 'dc1')
  const edge = await put(store, 'edge', 'athens', {
    host: 'athens.example',
    port: 443,
    addresses: ['192.0.2.44'],
  })
  const key = { maxUses: 2, expiresMs: clock.nowMs() + HOUR_MS }
  const keyIds = {
    group: (
      await store.keys.create({ ...key, name: 'k', groupId: group.id, secretHash: hashKeySecret('of-group') })
    ).id,
    edge: (
      await store.keys.create({ ...key, name: 'e', edgeId: edge.id, secretHash: hashKeySecret('of-edge') })
    ).id,
  }
  const machine = async (name: string) => {
    const { csrPem } = await createKeyAndCsr(name)
    return (over: Partial<EnrolRequest> = {}, from = FROM) =>
      admitWithKey(
        parts,
        {
          ...{ version: PROTOCOL_VERSION, secret: 'of-group', csr: csrPem, fingerprint: {} },
          ...{ host: { name, platform: 'linux', program: 'test' }, timeMs: clock.nowMs() },
          ...over,
        },
        from,
      )
  }
  const audited = async (action: string) => (await store.audit.list({ limit: 100, action })).items
  return {
    ...{ clock, store, parts, group, edge, keyIds, machine, audited },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

function code(work: Promise<unknown>): Promise<FaultCode> {
  return work.then(
    () => assert.fail('it was let in'),
    (error: unknown) => asFault(error).code,
  )
}

test('a machine with a key becomes a connector of the key’s group, on record with who and where', async () => {
  await using w = await world()
  const reply = await (await w.machine('web1'))()
  const connector = await w.store.connectors.get('web1')
  assert.deepEqual(
    [connector.id, connector.groupId, connector.keyId, connector.lastAddress, connector.generation],
    [reply.id, w.group.id, w.keyIds.group, FROM, 1],
  )
  const chain = reply.certificate.split(/(?=-----BEGIN)/).map((pem) => new X509Certificate(pem))
  assert.equal(chain.at(-1)!.verify(new X509Certificate(reply.root).publicKey), true)
  assert.equal(chain[0]!.validToDate.getTime(), reply.notAfterMs)
  const [entry] = await w.audited('connector.enrol')
  assert.deepEqual([entry?.actor, entry?.object], [`key ${w.keyIds.group}`, `connector ${reply.id}`])
  assert.equal((entry!.detail as { from?: string }).from, FROM)
})

test('the same machine comes again as the same connector, with a newer certificate, for no further use', async () => {
  await using w = await world()
  const web1 = await w.machine('web1')
  const first = await web1()
  const again = await web1()
  assert.deepEqual([again.id, again.generation], [first.id, 2])
  assert.notEqual(again.certificate, first.certificate)
  assert.equal((await w.store.keys.get('k')).uses, 1)
  assert.equal((await w.audited('connector.enrol-again')).length, 1)
  await w.store.connectors.update(first.id, { enabled: false })
  assert.equal(await code(web1()), 'IDENTITY_REVOKED')
})

test('a machine with a wrong key, or one key for another role, spends nothing and leaves no connector', async () => {
  await using w = await world()
  const web1 = await w.machine('web1')
  assert.equal(await code(web1({ secret: 'guessed' })), 'KEY_UNKNOWN')
  assert.equal(await code(web1({ secret: 'of-edge' })), 'KEY_WRONG_GROUP')
  assert.equal(await code(web1({ role: 'edge' })), 'KEY_WRONG_GROUP')
  assert.equal(await code(web1({ group: 'dc2' })), 'KEY_WRONG_GROUP')
  await assert.rejects(web1({ csr: 'not a request' }), { code: 'INVALID' })
  for (const name of ['k', 'e']) assert.equal((await w.store.keys.get(name)).uses, 0)
  assert.deepEqual(await w.store.connectors.all(), [])
  assert.deepEqual(await w.audited('connector.enrol'), [])
})

test('a key shows which machine it turned away, until that machine is in', async () => {
  await using w = await world()
  await w.store.keys.update('k', { maxUses: 1 })
  await (await w.machine('web1'))()
  const web2 = await w.machine('web2')
  for (let times = 1; times <= 3; times++) {
    assert.equal(await code(web2()), 'KEY_EXHAUSTED')
    const refusal = w.parts.refusedKeys.of(w.keyIds.group)
    assert.deepEqual([refusal?.host, refusal?.address, refusal?.times], ['web2', FROM, times])
  }
  await w.store.keys.update('k', { revoked: true })
  assert.equal(await code(web2()), 'KEY_REVOKED')
  assert.equal(w.parts.refusedKeys.of(w.keyIds.group)?.times, 1, 'for another reason')
  await w.store.keys.update('k', { revoked: false, maxUses: 2 })
  await web2()
  assert.equal(w.parts.refusedKeys.of(w.keyIds.group), undefined)
})

test('who guesses keys is told to wait; a machine with a good key is let in from the same place', async () => {
  await using w = await world()
  const web1 = await w.machine('web1')
  const codes = new Set<FaultCode>()
  let last: Fault | undefined
  for (let guess = 0; guess < 60; guess++) {
    last = await web1({ secret: `guess-${guess}` }).then(() => assert.fail('it was let in'), asFault)
    codes.add(last.code)
  }
  assert.deepEqual([...codes], ['KEY_UNKNOWN', 'RATE_LIMITED'])
  assert.ok(Number(last?.seen.retryAfterS) >= 1)
  await web1()
  assert.equal(await code(web1({ secret: 'guess' }, '198.51.100.1')), 'KEY_UNKNOWN', 'from elsewhere')
})

test('an edge enrols with its own key, under its names; a second machine takes its place and ends the first', async () => {
  await using w = await world()
  const reply = await (await w.machine('athens-1'))({ secret: 'of-edge', role: 'edge' })
  assert.equal(reply.id, w.edge.id)
  const { subjectAltName } = new X509Certificate(reply.certificate)
  assert.match(subjectAltName ?? '', /athens\.example.*192\.0\.2\.44/)
  const serial = (await w.store.edges.byId(w.edge.id))!.serial
  const second = await (await w.machine('athens-2'))({ secret: 'of-edge', role: 'edge' })
  assert.equal(second.generation, 2)
  assert.deepEqual(await w.store.revocations.serials(w.clock.nowMs()), [serial])
  const actions = [...(await w.audited('edge.enrol')), ...(await w.audited('edge.enrol-again'))]
  assert.deepEqual(
    actions.map(({ object }) => object),
    [`edge ${w.edge.id}`, `edge ${w.edge.id}`],
  )
})

test('a disabled edge does not enrol, and loses no use of its key', async () => {
  await using w = await world()
  await put(w.store, 'edge', 'athens', { host: 'athens.example', port: 443, enabled: false }, w.edge.id)
  const enrolling = (await w.machine('athens-1'))({ secret: 'of-edge', role: 'edge' })
  await assert.rejects(enrolling, { code: 'IDENTITY_REVOKED', detail: /athens .* is disabled/ })
  assert.equal((await w.store.keys.get('e')).uses, 0)
})

test('the edge beside the server enrols with the secret that only the server knows, and with no key', async () => {
  await using w = await world()
  const home = await w.machine('server')
  const reply = await home({ secret: w.parts.homeSecret, role: 'edge' })
  assert.equal(reply.id, w.parts.home.id)
  assert.equal((await w.audited('edge.enrol'))[0]?.actor, 'system')
  assert.equal(await code(home({ secret: w.parts.homeSecret })), 'KEY_UNKNOWN', 'it makes no connector')
  const key = { name: 'h', edgeId: w.parts.home.id, maxUses: 1, expiresMs: w.clock.nowMs() + HOUR_MS }
  await w.store.keys.create({ ...key, secretHash: hashKeySecret('of-home') })
  assert.equal(await code(home({ secret: 'of-home', role: 'edge' })), 'KEY_WRONG_GROUP')
})
