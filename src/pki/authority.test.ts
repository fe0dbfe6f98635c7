import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { before, test } from 'node:test'
import { Authority, type AuthorityMaterial, createAuthority, NOT_BEFORE_BACK_MS } from './authority.ts'
import { createKeyAndCsr, csrPublicKeyHash } from './csr.ts'
import type { Identity } from './identity.ts'
import { loadX509 } from './x509.ts'

const HOUR_MS = 3_600_000
const nowMs = Math.floor(Date.now() / 1000) * 1000
const device: Identity = { tenant: 'tnt_a', role: 'client', id: 'dev_1' }
let material: AuthorityMaterial
let authority: Authority
let request: { keyPem: string; csrPem: string }

before(async () => {
  material = await createAuthority('tnt_a', nowMs)
  authority = await Authority.load('tnt_a', material)
  request = await createKeyAndCsr('any name')
})

const issue = (o: Partial<Parameters<Authority['issue']>[0]> = {}) =>
  authority.issue({ csrPem: request.csrPem, identity: device, lifeMs: 24 * HOUR_MS, nowMs, ...o })

test('a leaf says who it is for, for how long, and nothing that its request asked for', async () => {
  const issued = await issue()
  const leaf = new X509Certificate(issued.certificate)
  assert.equal(leaf.subjectAltName, 'URI:backstitch://tnt_a/client/dev_1')
  assert.equal(leaf.subject, 'O=tnt_a\nCN=dev_1')
  assert.equal(leaf.ca, false)
  assert.equal(leaf.validFromDate.getTime(), nowMs - NOT_BEFORE_BACK_MS)
  assert.equal(leaf.validToDate.getTime(), nowMs + 24 * HOUR_MS)
  assert.equal(issued.notAfterMs, nowMs + 24 * HOUR_MS)
  assert.equal(issued.serial, leaf.serialNumber)
  assert.equal(issued.thumbprint, leaf.fingerprint256.replaceAll(':', '').toLowerCase())
  assert.equal(issued.publicKeyHash, await csrPublicKeyHash(request.csrPem))
  assert.equal(issued.certificate.match(/BEGIN CERTIFICATE/g)?.length, 2)
})

test('an intermediate signs leaves only, and nothing but a CA signs at all', async () => {
  const { X509Certificate: Read, BasicConstraintsExtension, KeyUsagesExtension } = await loadX509()
  const limits = (pem: string) => {
    const certificate = new Read(pem)
    const constraints = certificate.getExtension(BasicConstraintsExtension)
    return [constraints?.ca, constraints?.pathLength, certificate.getExtension(KeyUsagesExtension)?.usages]
  }
  const [signature, certSignAndCrl] = [1, 32 | 64]
  assert.deepEqual(limits(material.rootCert), [true, 1, certSignAndCrl])
  assert.deepEqual(limits(material.intermediateCert), [true, 0, certSignAndCrl])
  assert.deepEqual(limits((await issue()).certificate), [false, undefined, signature])
})

test('the pin is the hash of the root, and a loaded authority has the same', async () => {
  const again = await Authority.load('tnt_a', material)
  assert.equal(
    again.pin.toString('hex'),
    new X509Certificate(material.rootCert).fingerprint256.replaceAll(':', '').toLowerCase(),
  )
  assert.equal(again.rootPem, material.rootCert)
})

test('the root key may be offline: leaves need the intermediate only', async () => {
  const online = await Authority.load('tnt_a', { ...material, rootKey: '' })
  await online.issue({ csrPem: request.csrPem, identity: device, lifeMs: HOUR_MS, nowMs })
})

test('serials differ, even for one request', async () => {
  const issued = await Promise.all(Array.from({ length: 20 }, () => issue()))
  assert.equal(new Set(issued.map(({ serial }) => serial)).size, 20)
})

test('openssl verifies what is issued, as client and as server, and refuses the leaf as an issuer', async (t) => {
  if (spawnSync('openssl', ['version']).error) return t.diagnostic('openssl is not on PATH')
  const folder = mkdtempSync(path.join(os.tmpdir(), 'backstitch-pki-'))
  try {
    const file = (name: string, text: string) => {
      writeFileSync(path.join(folder, name), text)
      return path.join(folder, name)
    }
    const edge = await issue({
      identity: { ...device, role: 'edge', id: 'edg_1' },
      names: ['edge.example.com', '127.0.0.1', '::1'],
    })
    const [leafPem] = edge.certificate.split(/(?<=-----END CERTIFICATE-----\n)/)
    const root = file('root.pem', material.rootCert)
    const intermediate = file('intermediate.pem', material.intermediateCert)
    const leaf = file('leaf.pem', leafPem!)
    const openssl = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8' })
    for (const purpose of ['sslclient', 'sslserver']) {
      const said = openssl(
        'verify',
        '-x509_strict',
        '-purpose',
        purpose,
        '-CAfile',
        root,
        '-untrusted',
        intermediate,
        leaf,
      )
      assert.match(said, /leaf\.pem: OK/)
    }
    openssl(
      'verify',
      '-CAfile',
      root,
      '-untrusted',
      intermediate,
      '-verify_hostname',
      'edge.example.com',
      leaf,
    )
    openssl('verify', '-CAfile', root, '-untrusted', intermediate, '-verify_ip', '127.0.0.1', leaf)

    // A leaf that signs: the attacker's own key is in a real leaf, and signs a certificate for a victim.
    const forged = file('forged.pem', await signWithLeaf(leafPem!, request.keyPem))
    const both = file('both.pem', material.intermediateCert + leafPem)
    const refused = spawnSync('openssl', ['verify', '-CAfile', root, '-untrusted', both, forged], {
      encoding: 'utf8',
    })
    assert.notEqual(refused.status, 0)
    assert.match(refused.stderr + refused.stdout, /invalid CA certificate|path length constraint/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

async function signWithLeaf(leafPem: string, keyPem: string): Promise<string> {
  const x509 = await loadX509()
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const { createPrivateKey, createPublicKey } = await import('node:crypto')
  const victim = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const forged = await x509.X509CertificateGenerator.create({
    subject: 'CN=victim',
    issuer: new x509.X509Certificate(leafPem).subjectName,
    notBefore: new Date(nowMs - HOUR_MS),
    notAfter: new Date(nowMs + HOUR_MS),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    publicKey: victim.publicKey.toCryptoKey(algorithm, true, ['verify']),
    signingKey: createPrivateKey(keyPem).toCryptoKey(algorithm, false, ['sign']),
    extensions: [
      await x509.AuthorityKeyIdentifierExtension.create(
        createPublicKey(keyPem).toCryptoKey(algorithm, true, ['verify']),
      ),
    ],
  })
  return `${forged.toString('pem')}\n`
}

test('another tenant is not issued for', async () => {
  await assert.rejects(issue({ identity: { ...device, tenant: 'tnt_b' } }), { code: 'INVALID' })
})

test('a leaf never outlives the intermediate, and one without life is refused', async () => {
  const intermediateEnd = new X509Certificate(material.intermediateCert).validToDate.getTime()
  assert.equal((await issue({ lifeMs: 50 * 365 * 24 * HOUR_MS })).notAfterMs, intermediateEnd)
  await assert.rejects(issue({ lifeMs: 0 }), { code: 'INVALID' })
  await assert.rejects(issue({ nowMs: intermediateEnd + 1 }), { code: 'INVALID' })
})

for (const name of ['a, URI:backstitch://tnt_a/edge/edg_1', 'a"b', 'a b', '', 'a\0b', 'http://a', '-a']) {
  test(`the name ${JSON.stringify(name)} is not put into a certificate`, async () => {
    await assert.rejects(issue({ names: [name] }), { code: 'INVALID' })
  })
}

test('material that does not belong together is refused', async () => {
  const other = await createAuthority('tnt_a', nowMs)
  const leaf = (await issue()).certificate
  for (const [what, mixed] of Object.entries({
    root: { ...material, rootCert: other.rootCert },
    intermediate: { ...material, intermediateCert: other.intermediateCert },
    key: { ...material, intermediateKey: other.intermediateKey },
    'leaf as root': { ...material, rootCert: leaf },
    'leaf as intermediate': { ...material, intermediateCert: leaf, intermediateKey: request.keyPem },
  })) {
    await assert.rejects(Authority.load('tnt_a', mixed), { code: 'INVALID' }, what)
  }
})
