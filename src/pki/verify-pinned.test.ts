import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Fault } from '../base/faults.ts'
import {
  aClient,
  aControl,
  anEdge,
  type HandshakeTenant,
  type Held,
  HOUR_MS,
  handshake,
  hold,
  nowMs,
  tenant,
  writeCertificate,
} from './handshake.fixture.ts'
import { identityUri, keySetUri } from './identity.ts'
import { KEY_SET_USAGE } from './usages.ts'
import { verifyPinnedServer } from './verify.ts'

// Before enrolment: the pin of the provisioning key is all that is known.

let ours: HandshakeTenant
let foreign: HandshakeTenant
let control: Held
let edge: Held
let mallory: Held

before(async () => {
  ours = await tenant('tnt_a')
  foreign = await tenant('tnt_a') // the same name, other keys
  control = await hold(ours, aControl)
  edge = await hold(ours, anEdge)
  mallory = await hold(ours, aClient('dev_mallory'))
})

const pinned = (server: Held & { extra?: string }, pin = ours.authority.pin, atMs = nowMs) =>
  handshake(
    ours.material.rootCert,
    { key: server.key, cert: server.cert + (server.extra ?? ''), requestCert: false },
    { ca: [] },
    ({ client }) => verifyPinnedServer(client, { pin, nowMs: atMs, role: 'control' }),
  )

test('a control plane that ends in the pinned root is known before enrolment', async () => {
  const { peer, rootPem } = await pinned({ ...control, extra: ours.material.rootCert })
  assert.deepEqual(peer.identity, aControl)
  assert.equal(rootPem.trim(), ours.material.rootCert.trim())
})

test('interception is named with issuer and subject, whatever it presents', async () => {
  const box = await hold(foreign, aControl)
  const root = ours.material.rootCert
  const chains: [string, Held & { extra?: string }][] = [
    ['no CA at all', { ...box, cert: box.leaf }],
    ['our root as filler', { ...box, extra: root }],
    [
      'our intermediate and root as filler',
      { ...box, cert: box.leaf, extra: ours.material.intermediateCert + root },
    ],
    ['our whole chain after its leaf', { ...box, cert: box.leaf, extra: control.cert + root }],
    ['our control plane without the root', control],
  ]
  for (const [name, chain] of chains) {
    await assert.rejects(pinned(chain), (thrown: Fault) => {
      assert.equal(thrown.code, 'TLS_INTERCEPTED', name)
      assert.ok(thrown.seen.subject && thrown.seen.issuer, name)
      assert.ok(thrown.message.endsWith(`: issuer ${thrown.seen.issuer}`), name)
      return true
    })
  }
})

test('the server of another tenant is told from interception, and before the clock', async () => {
  const box = { ...(await hold(foreign, aControl)), extra: foreign.material.rootCert }
  for (const atMs of [nowMs, nowMs + 1000 * HOUR_MS]) {
    await assert.rejects(pinned(box, ours.authority.pin, atMs), (thrown: Fault) => {
      assert.equal(thrown.code, 'PIN_MISMATCH')
      assert.equal(thrown.seen.shownPin, foreign.authority.pin.toString('hex'))
      assert.equal(thrown.seen.wantedPin, ours.authority.pin.toString('hex'))
      return true
    })
  }
})

test('a pin of another length matches nothing', async () => {
  for (const pin of [Buffer.alloc(0), ours.authority.pin.subarray(0, 31)]) {
    await assert.rejects(pinned({ ...control, extra: ours.material.rootCert }, pin), {
      code: 'PIN_MISMATCH',
    })
  }
})

test('a clock that is off is told from interception', async () => {
  const whole = { ...control, extra: ours.material.rootCert }
  await assert.rejects(pinned(whole, ours.authority.pin, nowMs - HOUR_MS), { code: 'CLOCK_SKEW' })
  await assert.rejects(pinned(whole, ours.authority.pin, nowMs + 25 * HOUR_MS), { code: 'EDGE_CERT_EXPIRED' })
})

test('neither an edge nor a client of the same tenant can stand in for the control plane', async () => {
  for (const held of [edge, mallory]) {
    await assert.rejects(pinned({ ...held, extra: ours.material.rootCert }), { code: 'PEER_REFUSED' })
  }
})

test('a leaf with a real leaf above it is no control plane', async () => {
  const asControl = await writeCertificate({
    issuerPem: mallory.leaf,
    signingKeyPem: mallory.key,
    uris: [identityUri(aControl)],
  })
  await assert.rejects(
    pinned({ ...asControl, cert: asControl.leaf + mallory.cert, extra: ours.material.rootCert }),
    {
      code: 'TLS_INTERCEPTED',
    },
  )
})

test('a leaf that only claims to be signed by the intermediate is no control plane', async () => {
  const forged = await writeCertificate({
    issuerPem: ours.material.intermediateCert,
    signingKeyPem: foreign.material.intermediateKey,
    uris: [identityUri(aControl)],
  })
  await assert.rejects(pinned({ ...forged, extra: ours.material.rootCert }), { code: 'TLS_INTERCEPTED' })
})

test('nor is what signs key sets, though it is of the tenant CA', async () => {
  const signer = await writeCertificate({
    ...{ issuerPem: ours.material.intermediateCert, signingKeyPem: ours.material.intermediateKey },
    ...{ uris: [keySetUri('tnt_a', 'grant')], usages: [KEY_SET_USAGE] },
  })
  await assert.rejects(pinned({ ...signer, extra: ours.material.rootCert }), { code: 'PEER_REFUSED' })
})
