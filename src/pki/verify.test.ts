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
import { type IdentityRole, keySetUri } from './identity.ts'
import { KEY_SET_USAGE, TLS_USAGES } from './usages.ts'
import { peerOf } from './verify.ts'

let ours: HandshakeTenant
let foreign: HandshakeTenant
let edge: Held
let mallory: Held
let victim: Held

before(async () => {
  ours = await tenant('tnt_a')
  foreign = await tenant('tnt_a') // the same name, other keys
  edge = await hold(ours, anEdge)
  mallory = await hold(ours, aClient('dev_mallory'))
  victim = await hold(ours, aClient('dev_victim'))
})

const expectClient = (o: { roles?: IdentityRole[]; nowMs?: number; tenant?: string } = {}) => ({
  tenant: 'tnt_a',
  roles: ['client'] as IdentityRole[],
  rootPem: ours.material.rootCert,
  nowMs,
  ...o,
})
const edgeServer = () => ({ key: edge.key, cert: edge.cert + ours.material.rootCert })

/** Who the server takes a client for that presents `cert` and holds `key`. */
const seenByServer = (cert: string, key: string, expect = expectClient()) =>
  handshake(ours.material.rootCert, edgeServer(), { cert, key }, ({ server }) => peerOf(server, expect))

test('both ends see who the other is', async () => {
  await handshake(
    ours.material.rootCert,
    edgeServer(),
    { key: mallory.key, cert: mallory.cert },
    ({ server, client: end }) => {
      assert.deepEqual(peerOf(server, expectClient()).identity, aClient('dev_mallory'))
      const peer = peerOf(end, expectClient({ roles: ['edge'] }))
      assert.deepEqual(peer.identity, anEdge)
      assert.match(peer.thumbprint, /^[0-9a-f]{64}$/)
      assert.ok(peer.notAfterMs > nowMs + 23 * HOUR_MS)
    },
  )
})

const FILLERS: [name: string, cert: () => string][] = [
  ['own leaf, victim', () => mallory.leaf + victim.leaf + ours.material.intermediateCert],
  ['own leaf, intermediate, victim', () => mallory.cert + victim.leaf],
  [
    'own leaf, edge, intermediate, root',
    () => mallory.leaf + edge.leaf + ours.material.intermediateCert + ours.material.rootCert,
  ],
  ['own leaf, victim, victim, intermediate', () => mallory.leaf + victim.leaf + victim.cert],
]
for (const [name, cert] of FILLERS) {
  test(`identity is never that of a certificate that is not the leaf: [${name}]`, async () => {
    const peer = await seenByServer(cert(), mallory.key).catch((thrown: { code: string }) => {
      assert.equal(thrown.code, 'PEER_REFUSED') // refusing odd chains is fine as well
    })
    if (peer) assert.deepEqual(peer.identity, aClient('dev_mallory'))
  })
}

test('the plain filler chain is accepted as what it is: its own leaf', async () => {
  const peer = await seenByServer(mallory.cert + victim.leaf, mallory.key)
  assert.equal(peer.identity.id, 'dev_mallory')
})

test('no certificate is no identity', async () => {
  await handshake(ours.material.rootCert, edgeServer(), {}, ({ server }) => {
    assert.throws(() => peerOf(server, expectClient()), { code: 'PEER_REFUSED' })
  })
})

test('a certificate of another CA is refused, also with our CA as filler, and what it said is named', async () => {
  const stranger = await hold(foreign, aClient('dev_1'))
  for (const cert of [
    stranger.cert,
    stranger.leaf + ours.material.intermediateCert + ours.material.rootCert,
    stranger.cert + ours.material.rootCert,
  ]) {
    await assert.rejects(
      seenByServer(cert, stranger.key),
      (thrown: { code: string; message: string; seen: { issuer: string } }) => {
        assert.equal(thrown.code, 'PEER_REFUSED')
        assert.match(thrown.message, /not issued by the tenant CA: issuer O=tnt_a/)
        assert.match(thrown.seen.issuer, /O=tnt_a, CN=Backstitch intermediate/)
        return true
      },
    )
  }
})

test('the CA itself is no peer', async () => {
  const { rootCert, intermediateCert, intermediateKey } = ours.material
  await assert.rejects(seenByServer(intermediateCert + rootCert, intermediateKey), { code: 'PEER_REFUSED' })
})

test('another role or tenant is refused', async () => {
  const see = (expect: ReturnType<typeof expectClient>) => seenByServer(mallory.cert, mallory.key, expect)
  await assert.rejects(see(expectClient({ roles: ['connector', 'edge'] })), { code: 'PEER_REFUSED' })
  await assert.rejects(see(expectClient({ tenant: 'tnt_b' })), { code: 'PEER_REFUSED' })
})

test('the time is checked, and the words say which clock', async () => {
  const see = (atMs: number) => seenByServer(mallory.cert, mallory.key, expectClient({ nowMs: atMs }))
  await see(nowMs - 14 * 60_000)
  await assert.rejects(see(nowMs - 16 * 60_000), { code: 'CLOCK_SKEW' })
  await assert.rejects(see(nowMs + 24 * HOUR_MS), { code: 'CERT_EXPIRED' })
})

test('a certificate that ended is refused also by a verifier whose own clock is behind: TLS has the last word', async () => {
  const then = nowMs - 72 * HOUR_MS
  const past = await tenant('tnt_a', then)
  const { cert, key } = await hold(past, aClient('dev_old'), then)
  const { rootCert } = past.material
  await handshake(rootCert, edgeServer(), { cert, key }, ({ server }) => {
    const see = (atMs: number) => peerOf(server, { ...expectClient({ nowMs: atMs }), rootPem: rootCert })
    assert.throws(() => see(nowMs), { code: 'CERT_EXPIRED' })
    assert.throws(
      () => see(then),
      (thrown: { code: string; seen: { error: string } }) => {
        assert.equal(thrown.code, 'CERT_EXPIRED')
        assert.equal(thrown.seen.error, 'CERT_HAS_EXPIRED')
        return true
      },
    )
  })
})

test('without verification by TLS nothing is believed', async () => {
  await handshake(
    ours.material.rootCert,
    edgeServer(),
    { key: mallory.key, cert: mallory.cert, ca: foreign.material.rootCert },
    ({ client: end }) => {
      assert.equal(end.authorized, false)
      assert.throws(() => peerOf(end, expectClient({ roles: ['edge'] })), { code: 'TLS_INTERCEPTED' })
    },
  )
})

// ── certificates that the authority would never write ───────────────────────────────────────────────

const byIntermediate = (o: { uris: string[]; dns?: string[]; usages?: readonly string[] }) =>
  writeCertificate({
    issuerPem: ours.material.intermediateCert,
    signingKeyPem: ours.material.intermediateKey,
    ...o,
  })

test('a leaf with a real leaf above it is refused: leaves sign nothing', async () => {
  const uris = ['backstitch://tnt_a/client/dev_victim']
  const forged = await writeCertificate({ issuerPem: mallory.leaf, signingKeyPem: mallory.key, uris })
  await assert.rejects(seenByServer(forged.leaf + mallory.cert, forged.key), { code: 'PEER_REFUSED' })
})

test('a leaf that only claims to be signed by our intermediate is refused by its signature', async () => {
  const forged = await writeCertificate({
    issuerPem: ours.material.intermediateCert,
    signingKeyPem: foreign.material.intermediateKey,
    uris: ['backstitch://tnt_a/client/dev_victim'],
  })
  await assert.rejects(seenByServer(forged.cert, forged.key), { code: 'PEER_REFUSED' })
})

test('a certificate written by hand with our key is accepted when nothing is wrong with it', async () => {
  const plain = await byIntermediate({ uris: ['backstitch://tnt_a/client/dev_2'] })
  assert.equal((await seenByServer(plain.cert, plain.key)).identity.id, 'dev_2')
})

const ONE = 'backstitch://tnt_a/client/dev_1'
const UNCLEAR: [name: string, names: { uris: string[]; dns?: string[]; usages?: readonly string[] }][] = [
  ['two identities', { uris: [ONE, 'backstitch://tnt_a/client/dev_2'] }],
  ['an identity and another URI', { uris: [ONE, 'https://example.com'] }],
  ['a URI that reads as two names', { uris: [`https://a, URI:${ONE}`] }],
  ['a URI that reads as two names, the first ours', { uris: [`${ONE}, URI:https://a`] }],
  ['a DNS name that reads as an identity', { uris: [], dns: [`a, URI:${ONE}, b`] }],
  ['no identity', { uris: ['https://example.com'] }],
  ['use as a server, too', { uris: [ONE], usages: TLS_USAGES.connector }],
  ['use as a server only', { uris: [ONE], usages: TLS_USAGES.control }],
  ['use for key sets', { uris: [ONE], usages: [...TLS_USAGES.client, KEY_SET_USAGE] }],
  ['no use', { uris: [ONE], usages: ['1.3.6.1.5.5.7.3.3'] }],
]
for (const [name, names] of UNCLEAR) {
  test(`a certificate of our CA is no identity with ${name}`, async () => {
    const { cert, key } = await byIntermediate(names)
    await assert.rejects(seenByServer(cert, key), { code: 'PEER_REFUSED' })
  })
}

test('a certificate serves in TLS for what its role does there: a client is no server, the control plane no client', async () => {
  const control = await hold(ours, aControl)
  const as = (held: Held) => ({ key: held.key, cert: held.cert + ours.material.rootCert })
  const { rootCert } = ours.material
  await handshake(rootCert, as(mallory), { cert: edge.cert, key: edge.key }, ({ client: end }) => {
    assert.throws(() => peerOf(end, expectClient()), { code: 'PEER_REFUSED' })
  })
  const roles: IdentityRole[] = ['control']
  await assert.rejects(seenByServer(control.cert, control.key, expectClient({ roles })), (thrown: Fault) => {
    assert.match(thrown.detail, /INVALID_PURPOSE/)
    return true
  })
  await handshake(rootCert, as(control), { cert: edge.cert, key: edge.key }, ({ server, client: end }) => {
    assert.equal(peerOf(end, expectClient({ roles })).identity.role, 'control')
    assert.equal(peerOf(server, expectClient({ roles: ['edge'] })).identity.role, 'edge')
  })
})

test('what signs key sets speaks for nobody in TLS', async () => {
  const { material } = ours
  const signer = await writeCertificate({
    ...{ issuerPem: material.intermediateCert, signingKeyPem: material.intermediateKey },
    ...{ uris: [keySetUri('tnt_a', 'grant')], usages: [KEY_SET_USAGE] },
  })
  await assert.rejects(seenByServer(signer.cert, signer.key), { code: 'PEER_REFUSED' })
})
