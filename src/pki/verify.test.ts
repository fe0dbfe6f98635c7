import assert from 'node:assert/strict'
import { once } from 'node:events'
import type net from 'node:net'
import { before, test } from 'node:test'
import tls from 'node:tls'
import { Authority, type AuthorityMaterial, createAuthority } from './authority.ts'
import { createKeyAndCsr } from './csr.ts'
import type { Identity, Role } from './identity.ts'
import { peerOf, verifyPinnedServer } from './verify.ts'

const HOUR_MS = 3_600_000
const nowMs = Date.now()

interface Held {
  readonly key: string
  /** Leaf and intermediate. */
  readonly cert: string
  readonly leaf: string
}
interface Tenant {
  readonly authority: Authority
  readonly material: AuthorityMaterial
}

let ours: Tenant
let foreign: Tenant
let edge: Held
let mallory: Held
let victim: Held

async function tenant(name: string): Promise<Tenant> {
  const material = await createAuthority(name, nowMs)
  return { material, authority: await Authority.load(name, material) }
}
async function hold(of: Tenant, identity: Identity, atMs = nowMs): Promise<Held> {
  const { keyPem, csrPem } = await createKeyAndCsr(identity.id)
  const { certificate } = await of.authority.issue({ csrPem, identity, lifeMs: 24 * HOUR_MS, nowMs: atMs })
  return { key: keyPem, cert: certificate, leaf: certificate.split(/(?<=-----END CERTIFICATE-----\n)/)[0]! }
}
const client = (id: string): Identity => ({ tenant: 'tnt_a', role: 'client', id })
const anEdge: Identity = { tenant: 'tnt_a', role: 'edge', id: 'edg_1' }

before(async () => {
  ours = await tenant('tnt_a')
  foreign = await tenant('tnt_a') // the same name, other keys
  edge = await hold(ours, anEdge)
  mallory = await hold(ours, client('dev_mallory'))
  victim = await hold(ours, client('dev_victim'))
})

/** A real handshake over loopback; gives both secure ends. */
async function handshake<T>(
  server: tls.TlsOptions,
  client: tls.ConnectionOptions,
  use: (ends: { server: tls.TLSSocket; client: tls.TLSSocket }) => T | Promise<T>,
): Promise<T> {
  const listener = tls.createServer({
    ca: ours.material.rootCert,
    requestCert: true,
    rejectUnauthorized: false, // so that peerOf itself is what refuses
    minVersion: 'TLSv1.3',
    ...server,
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as net.AddressInfo
  const accepted = once(listener, 'secureConnection') as Promise<[tls.TLSSocket]>
  let dialled: tls.TLSSocket | undefined
  try {
    dialled = tls.connect({
      host: '127.0.0.1',
      port,
      ca: ours.material.rootCert,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...client,
    })
    const [[serverEnd]] = await Promise.all([accepted, once(dialled, 'secureConnect')])
    serverEnd.on('error', () => {})
    try {
      return await use({ server: serverEnd, client: dialled })
    } finally {
      serverEnd.destroy()
    }
  } finally {
    dialled?.destroy()
    listener.close()
  }
}

const expectClient = (o: { roles?: Role[]; nowMs?: number; tenant?: string } = {}) => ({
  tenant: 'tnt_a',
  roles: ['client'] as Role[],
  rootPem: ours.material.rootCert,
  nowMs,
  ...o,
})
const edgeServer = () => ({ key: edge.key, cert: edge.cert + ours.material.rootCert })

/** Who the server takes a client for that presents `cert` and holds `key`. */
const seenByServer = (cert: string, key: string, expect = expectClient()) =>
  handshake(edgeServer(), { cert, key }, ({ server }) => peerOf(server, expect))

test('both ends see who the other is', async () => {
  await handshake(edgeServer(), { key: mallory.key, cert: mallory.cert }, ({ server, client: end }) => {
    assert.deepEqual(peerOf(server, expectClient()).identity, client('dev_mallory'))
    const peer = peerOf(end, expectClient({ roles: ['edge'] }))
    assert.deepEqual(peer.identity, anEdge)
    assert.match(peer.thumbprint, /^[0-9a-f]{64}$/)
    assert.ok(peer.notAfterMs > nowMs + 23 * HOUR_MS)
  })
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
    if (peer) assert.deepEqual(peer.identity, client('dev_mallory'))
  })
}

test('the plain filler chain is accepted as what it is: its own leaf', async () => {
  const peer = await seenByServer(mallory.cert + victim.leaf, mallory.key)
  assert.equal(peer.identity.id, 'dev_mallory')
})

test('a leaf with a real leaf above it is refused: leaves sign nothing', async () => {
  const { forged, key } = await forgeUnder(mallory)
  await assert.rejects(seenByServer(forged + mallory.cert, key), { code: 'PEER_REFUSED' })
})

test('no certificate is no identity', async () => {
  await handshake(edgeServer(), {}, ({ server }) => {
    assert.throws(() => peerOf(server, expectClient()), { code: 'PEER_REFUSED' })
  })
})

test('a certificate of another CA is refused, also with our CA as filler, and what it said is named', async () => {
  const stranger = await hold(foreign, client('dev_1'))
  for (const cert of [
    stranger.cert,
    stranger.leaf + ours.material.intermediateCert + ours.material.rootCert,
    stranger.cert + ours.material.rootCert,
  ]) {
    await assert.rejects(
      seenByServer(cert, stranger.key),
      (thrown: { code: string; seen: { issuer: string } }) => {
        assert.equal(thrown.code, 'PEER_REFUSED')
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

test('a certificate that ended is refused by TLS as well, and named the same', async () => {
  const old = await hold(ours, client('dev_old'), nowMs - 48 * HOUR_MS).catch(() => undefined)
  assert.ok(old)
  await assert.rejects(seenByServer(old.cert, old.key), { code: 'CERT_EXPIRED' })
  // A verifier whose own clock is back there as well is overruled by the clock of the system.
  const back = expectClient({ nowMs: nowMs + 1 })
  await assert.rejects(seenByServer(old.cert, old.key, back), { code: 'CERT_EXPIRED' })
})

test('without verification by TLS nothing is believed', async () => {
  await handshake(
    edgeServer(),
    { key: mallory.key, cert: mallory.cert, ca: foreign.material.rootCert },
    ({ client: end }) => {
      assert.equal(end.authorized, false)
      assert.throws(() => peerOf(end, expectClient({ roles: ['edge'] })), { code: 'TLS_INTERCEPTED' })
    },
  )
})

// ── before enrolment: only the pin is known ─────────────────────────────────────────────────────────

const pinned = (server: Held & { extra?: string }, pin = ours.authority.pin, atMs = nowMs) =>
  handshake(
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

/** A certificate for a victim, signed with the key of a real leaf. */
async function forgeUnder(holder: Held): Promise<{ forged: string; key: string }> {
  const { createPrivateKey, generateKeyPairSync } = await import('node:crypto')
  const { loadX509 } = await import('./x509.ts')
  const x509 = await loadX509()
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const forged = await x509.X509CertificateGenerator.create({
    subject: 'CN=dev_victim',
    issuer: new x509.X509Certificate(holder.leaf).subjectName,
    notBefore: new Date(nowMs - HOUR_MS),
    notAfter: new Date(nowMs + HOUR_MS),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    publicKey: pair.publicKey.toCryptoKey(algorithm, true, ['verify']),
    signingKey: createPrivateKey(holder.key).toCryptoKey(algorithm, false, ['sign']),
    extensions: [
      new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']),
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: 'backstitch://tnt_a/client/dev_victim' },
      ]),
    ],
  })
  return {
    forged: `${forged.toString('pem')}\n`,
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}
