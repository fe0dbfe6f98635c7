import assert from 'node:assert/strict'
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import { test } from 'node:test'
import { createKeyAndCsr, csrPublicKeyHash } from './csr.ts'
import { loadX509 } from './x509.ts'

test('a request carries the key that was made with it, and nothing else does', async () => {
  const [one, two] = await Promise.all([createKeyAndCsr('a'), createKeyAndCsr('a')])
  const spki = createPublicKey(createPrivateKey(one.keyPem)).export({ type: 'spki', format: 'der' })
  assert.equal(await csrPublicKeyHash(one.csrPem), createHash('sha256').update(spki).digest('hex'))
  assert.notEqual(await csrPublicKeyHash(one.csrPem), await csrPublicKeyHash(two.csrPem))
})

for (const name of ['a, O=other\\+\nCN=b', '#0c0161', '', 'x'.repeat(1000)]) {
  test(`the name ${JSON.stringify(name.slice(0, 20))} stays one name of at most 64 characters`, async () => {
    const { Pkcs10CertificateRequest } = await loadX509()
    const { csrPem } = await createKeyAndCsr(name)
    const [only, ...more] = new Pkcs10CertificateRequest(csrPem).subjectName.toJSON()
    assert.deepEqual(more, [])
    assert.match(only!.CN![0]!, /^[\w. -]{1,64}$/)
  })
}

type KeyKind = { name: 'ECDSA'; namedCurve: 'P-384' } | { name: 'RSASSA-PKCS1-v1_5'; hash: 'SHA-256' }

const der = (pem: string) => Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64')
const pem = (bytes: Buffer) =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`

test('any flipped byte is refused, or changes neither key nor signature', async () => {
  const { csrPem } = await createKeyAndCsr('a')
  const whole = der(csrPem)
  const hash = await csrPublicKeyHash(csrPem)
  let refused = 0
  for (let at = 0; at < whole.length; at++) {
    const flipped = Buffer.from(whole)
    flipped[at]! ^= 1 << (at % 8)
    try {
      assert.equal(await csrPublicKeyHash(pem(flipped)), hash, `byte ${at}`)
    } catch (thrown) {
      assert.equal((thrown as { code: string }).code, 'INVALID', `byte ${at}: ${thrown}`)
      refused++
    }
  }
  assert.ok(refused > whole.length * 0.9, `${refused} of ${whole.length} refused`)
})

async function csrOf(
  { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject },
  key: KeyKind,
) {
  const { Pkcs10CertificateRequestGenerator } = await loadX509()
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=a',
    signingAlgorithm: { name: key.name, hash: 'SHA-256' },
    keys: {
      privateKey: privateKey.toCryptoKey(key, false, ['sign']),
      publicKey: publicKey.toCryptoKey(key, true, ['verify']),
    },
  })
  return request.toString('pem')
}

test('keys of another kind are refused', async () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  for (const csr of [
    await csrOf(p384, { name: 'ECDSA', namedCurve: 'P-384' }),
    await csrOf(rsa, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }),
  ]) {
    await assert.rejects(csrPublicKeyHash(csr), { code: 'INVALID' })
  }
})

test('text that is no request is refused', async () => {
  const { keyPem } = await createKeyAndCsr('a')
  for (const text of ['', 'x', keyPem, pem(Buffer.alloc(0)), pem(Buffer.alloc(100)), 'A'.repeat(1_000_000)]) {
    await assert.rejects(csrPublicKeyHash(text), { code: 'INVALID' }, text.slice(0, 30))
  }
})
