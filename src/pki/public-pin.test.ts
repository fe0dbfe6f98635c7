import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { HOUR_MS, handshake, nowMs } from './handshake.fixture.ts'
import { isPinned, type PublicPin, publicPinOf } from './public-pin.ts'
import { CERTIFICATE_KEY, CERTIFICATE_SIGNATURE, loadX509 } from './x509.ts'

const x509 = await loadX509()
const newKey = () =>
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string
const signer = (pem: string) => createPrivateKey(pem).toCryptoKey(CERTIFICATE_KEY, false, ['sign'])
const verifier = (pem: string) => createPublicKey(pem).toCryptoKey(CERTIFICATE_KEY, true, ['verify'])

interface Made {
  readonly cert: string
  readonly key: string
}

async function authority(name: string, key = newKey()): Promise<Made> {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ serialNumber: `00${randomBytes(8).toString('hex')}`, name: `CN=${name}` },
    ...{ notBefore: new Date(nowMs - HOUR_MS), notAfter: new Date(nowMs + 1000 * HOUR_MS) },
    signingAlgorithm: CERTIFICATE_SIGNATURE,
    keys: { privateKey: signer(key), publicKey: verifier(key) },
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  return { cert: `${certificate.toString('pem')}\n`, key }
}

async function leafOf(
  by: Made,
  o: { name?: string; key?: string; fromMs?: number; untilMs?: number; usage?: string } = {},
): Promise<Made> {
  const { name = 'localhost', key = newKey(), fromMs = nowMs - HOUR_MS, untilMs = nowMs + HOUR_MS } = o
  const issuer = new x509.X509Certificate(by.cert)
  const certificate = await x509.X509CertificateGenerator.create({
    ...{ serialNumber: `00${randomBytes(8).toString('hex')}`, subject: `CN=${name}`, issuer: issuer.subject },
    ...{ notBefore: new Date(fromMs), notAfter: new Date(untilMs) },
    ...{ signingAlgorithm: CERTIFICATE_SIGNATURE, signingKey: signer(by.key), publicKey: verifier(key) },
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
      new x509.ExtendedKeyUsageExtension([o.usage ?? x509.ExtendedKeyUsage.serverAuth]),
    ],
  })
  return { cert: `${certificate.toString('pem')}\n${by.cert}`, key }
}

/** What a client that knows `pin` says of a server that shows `made`; `ca` is what its machine trusts. */
const isTaken = (made: Made, pin: PublicPin, ca = other.cert) =>
  handshake(
    made.cert,
    { ...made, requestCert: false },
    { servername: 'localhost', rejectUnauthorized: false, ca },
    ({ client }) =>
      isPinned(client.getPeerX509Certificate()!, pin, {
        ...{ host: 'localhost', nowMs, trusted: client.authorized },
      }),
  )

const ours = await authority('Company CA')
const other = await authority('Other CA')
const first = await leafOf(ours)
const pin = publicPinOf(first.cert)
const selfSigned = await authority('Backstitch edge')

test('a certificate that was renewed is known again: by its key, by its authority, by one that this machine trusts', async () => {
  assert.equal(await isTaken(first, { fingerprint: pin.fingerprint }), true)
  assert.equal(await isTaken(await leafOf(ours), pin), true, 'same authority')
  assert.equal(await isTaken(await leafOf(other, { key: first.key }), pin), true, 'same key')
  assert.equal(await isTaken(await leafOf(other), pin), true, 'trusted authority')
})

const another = await authority('Company CA')
for (const [name, made] of [
  ['another authority that has the same name', await leafOf(another)],
  ['the authority itself, for another name', await leafOf(ours, { name: 'intranet' })],
  ['the authority, once it is over', await leafOf(ours, { untilMs: nowMs - 1 })],
  ['the authority, before it begins', await leafOf(ours, { fromMs: nowMs + HOUR_MS / 2 })],
  ['the authority, for clients only', await leafOf(ours, { usage: '1.3.6.1.5.5.7.3.2' })],
  ['nobody but itself', await authority('localhost')],
] as const) {
  test(`one by ${name} is another`, async () => assert.equal(await isTaken(made, pin), false))
}

test('one that signed itself is known by its key alone, whatever this machine trusts', async () => {
  const own = publicPinOf(selfSigned.cert)
  assert.deepEqual(Object.keys(own), ['fingerprint', 'publicKey'])
  assert.equal(await isTaken(await authority('Backstitch edge', selfSigned.key), own), true)
  assert.equal(await isTaken(await leafOf(other), own), false)
})
