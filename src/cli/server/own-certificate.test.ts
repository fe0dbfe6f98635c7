import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { createPublicCertificate } from '../../control/front/public-certificate.ts'
import { readOwnCertificate, rereadOf } from './own-certificate.ts'

const DAY_MS = 86_400_000
const nowMs = Date.now()
const dir = mkdtempSync(path.join(tmpdir(), 'own-certificate-'))
after(() => rmSync(dir, { recursive: true }))

const ours = await createPublicCertificate(['e.test', '127.0.0.1'], nowMs)
const other = await createPublicCertificate(['other.test'], nowMs)
const old = await createPublicCertificate(['e.test'], nowMs - 400 * DAY_MS)
const encrypted = createPrivateKey(ours.key)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'xxxx' })
  .toString()

let files = 0
function read(cert: string | Buffer, key: string, publicHost = 'e.test') {
  const [certFile, keyFile] = [`cert${++files}.pem`, `key${files}.pem`].map((name) => path.join(dir, name))
  writeFileSync(certFile!, cert)
  writeFileSync(keyFile!, key)
  return readOwnCertificate({ certFile: certFile!, keyFile: keyFile! }, { publicHost, nowMs })
}

const der = Buffer.from(ours.cert.replace(/-----[^-]+-----|\s/g, ''), 'base64')
for (const [name, cert, key, says] of [
  ['a key of another certificate', ours.cert, other.key, /key\d+\.pem is not the key of .*cert\d+\.pem/],
  ['an encrypted key', ours.cert, encrypted, /key\d+\.pem is encrypted/],
  ['DER', der, ours.key, /cert\d+\.pem is not a certificate in PEM/],
  ['a chain in the wrong order', other.cert + ours.cert, ours.key, /does not begin with the certificate of/],
  ['files exchanged', ours.key, ours.cert, /are the two files swapped/],
  ['a certificate that was cut', `${ours.cert.slice(0, 200)}\n`, ours.key, /cannot be read as a certificate/],
] as const) {
  test(`${name} is refused, and the file named`, () => assert.rejects(read(cert, key), says))
}

test('what is good is taken without a doubt, by name and by address, with a byte order mark', async () => {
  const { files: _files, ...taken } = await read(ours.cert, ours.key)
  assert.deepEqual(taken, { ...ours, doubts: [] })
  assert.deepEqual((await read(`\ufeff${ours.cert}`, ours.key, '127.0.0.1')).doubts, [])
})

test('files that were renewed are noticed once; those that cannot be used leave the former one', async () => {
  const first = await read(ours.cert, ours.key)
  const again = rereadOf(first, 'e.test', systemClock)
  assert.equal((await again()).created, false)
  const next = await createPublicCertificate(['e.test'], nowMs)
  writeFileSync(first.files.certFile, next.cert)
  await assert.rejects(again(), /is not the key of/)
  writeFileSync(first.files.keyFile, next.key)
  const renewed = await again()
  assert.deepEqual([renewed.created, renewed.cert], [true, next.cert])
  assert.equal((await again()).created, false)
})

test('one that has ended, or is of another name, is taken and doubted', async () => {
  assert.match((await read(old.cert, old.key)).doubts.join(), /cert\d+\.pem expired 20/)
  assert.match(
    (await read(other.cert, other.key)).doubts.join(),
    /does not cover e\.test: it is for DNS:other\.test/,
  )
})
