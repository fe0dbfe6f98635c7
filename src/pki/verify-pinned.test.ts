import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import {
  aClient,
  anEdge,
  type Held,
  HOUR_MS,
  handshake,
  hold,
  nowMs,
  type Tenant,
  tenant,
  write,
} from './handshake.fixture.ts'
import { identityUri } from './identity.ts'
import { verifyPinnedServer } from './verify.ts'

// Before enrolment: the pin of the provisioning key is all that is known.

let ours: Tenant
let foreign: Tenant
let edge: Held
let mallory: Held

before(async () => {
  ours = await tenant('tnt_a')
  foreign = await tenant('tnt_a') // the same name, other keys
  edge = await hold(ours, anEdge)
  mallory = await hold(ours, aClient('dev_mallory'))
})

const pinned = (server: Held & { extra?: string }, pin = ours.authority.pin, atMs = nowMs) =>
  handshake(
    ours.material.rootCert,
    { key: server.key, cert: server.cert + (server.extra ?? ''), requestCert: false },
    { ca: [] },
    ({ client }) => verifyPinnedServer(client, { pin, nowMs: atMs }),
  )

test('an edge that ends in the pinned root is known before enrolment', async () => {
  const { peer, rootPem } = await pinned({ ...edge, extra: ours.material.rootCert })
  assert.deepEqual(peer.identity, anEdge)
  assert.equal(rootPem.trim(), ours.material.rootCert.trim())
})

test('interception is named with issuer and subject, whatever it presents', async () => {
  const box = await hold(foreign, anEdge)
  const root = ours.material.rootCert
  const chains: [string, Held & { extra?: string }][] = [
    ['its own CA', { ...box, extra: foreign.material.rootCert }],
    ['no CA at all', { ...box, cert: box.leaf }],
    ['our root as filler', { ...box, extra: root }],
    [
      'our intermediate and root as filler',
      { ...box, cert: box.leaf, extra: ours.material.intermediateCert + root },
    ],
    ['our whole edge chain after its leaf', { ...box, cert: box.leaf, extra: edge.cert + root }],
    ['our edge without the root', edge],
  ]
  for (const [name, chain] of chains) {
    await assert.rejects(pinned(chain), (thrown: { code: string; seen: Record<string, string> }) => {
      assert.equal(thrown.code, 'TLS_INTERCEPTED', name)
      assert.ok(thrown.seen.subject && thrown.seen.issuer, name)
      return true
    })
  }
})

test('interception is named before the clock: a wrong clock does not hide it', async () => {
  const box = await hold(foreign, anEdge)
  const far = nowMs + 1000 * HOUR_MS
  await assert.rejects(pinned({ ...box, extra: foreign.material.rootCert }, ours.authority.pin, far), {
    code: 'TLS_INTERCEPTED',
  })
})

test('a pin of another length matches nothing', async () => {
  for (const pin of [Buffer.alloc(0), ours.authority.pin.subarray(0, 31)]) {
    await assert.rejects(pinned({ ...edge, extra: ours.material.rootCert }, pin), { code: 'TLS_INTERCEPTED' })
  }
})

test('a clock that is off is told from interception', async () => {
  const whole = { ...edge, extra: ours.material.rootCert }
  await assert.rejects(pinned(whole, ours.authority.pin, nowMs - HOUR_MS), { code: 'CLOCK_SKEW' })
  await assert.rejects(pinned(whole, ours.authority.pin, nowMs + 25 * HOUR_MS), { code: 'CERT_EXPIRED' })
})

test('a client of the same tenant cannot stand in for an edge', async () => {
  await assert.rejects(pinned({ ...mallory, extra: ours.material.rootCert }), { code: 'PEER_REFUSED' })
})

test('a leaf with a real leaf above it is no edge', async () => {
  const asEdge = await write({
    issuerPem: mallory.leaf,
    signingKeyPem: mallory.key,
    uris: [identityUri(anEdge)],
  })
  await assert.rejects(
    pinned({ ...asEdge, cert: asEdge.leaf + mallory.cert, extra: ours.material.rootCert }),
    {
      code: 'TLS_INTERCEPTED',
    },
  )
})

test('a leaf that only claims to be signed by the intermediate is no edge', async () => {
  const forged = await write({
    issuerPem: ours.material.intermediateCert,
    signingKeyPem: foreign.material.intermediateKey,
    uris: [identityUri(anEdge)],
  })
  await assert.rejects(pinned({ ...forged, extra: ours.material.rootCert }), { code: 'TLS_INTERCEPTED' })
})
