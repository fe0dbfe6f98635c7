import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createPublicCertificate, keepPublicCertificate } from './public-certificate.ts'

const DAY_MS = 86_400_000
const NAMES = ['edge.example.com', '192.0.2.1']

async function inDir(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'edge-'))
  try {
    await run(path.join(dir, 'edge'))
  } finally {
    await rm(dir, { recursive: true })
  }
}

const fingerprintOf = ({ cert }: { readonly cert: string }) => new X509Certificate(cert).fingerprint256

test('a self-signed certificate names what it was made for', async () => {
  const made = new X509Certificate((await createPublicCertificate(NAMES, Date.now())).cert)
  assert.equal(made.checkHost('edge.example.com'), 'edge.example.com')
  assert.equal(made.checkIP('192.0.2.1'), '192.0.2.1')
  assert.equal(made.checkHost('other.example.com'), undefined)
  assert.equal(made.ca, false)
  assert.ok(made.verify(made.publicKey))
})

test('it is made on the first run, kept for the next, private, and made anew before it ends', () =>
  inDir(async (dir) => {
    const first = await keepPublicCertificate(dir, NAMES, Date.now())
    assert.equal(first.created, true)
    assert.equal((await stat(path.join(dir, 'public.key'))).mode & 0o777, 0o600)
    const second = await keepPublicCertificate(dir, NAMES, Date.now())
    assert.equal(second.created, false)
    assert.equal(fingerprintOf(second), fingerprintOf(first))
    const later = await keepPublicCertificate(dir, NAMES, Date.now() + 380 * DAY_MS)
    assert.equal(later.created, true)
    assert.notEqual(fingerprintOf(later), fingerprintOf(first))
    assert.equal(later.key, first.key, 'one file is replaced: the power may go between two')
  }))

test('a first start that was cut off between key and certificate is finished by the next', () =>
  inDir(async (dir) => {
    const first = await keepPublicCertificate(dir, NAMES, Date.now())
    await rm(path.join(dir, 'public.crt'))
    const second = await keepPublicCertificate(dir, NAMES, Date.now())
    assert.deepEqual([second.created, second.key], [true, first.key])
    assert.deepEqual(await keepPublicCertificate(dir, NAMES, Date.now()), { ...second, created: false })
  }))

test('half of a pair, a stranger for a key, and nonsense are INVALID, not replaced', () =>
  inDir(async (dir) => {
    await keepPublicCertificate(dir, NAMES, Date.now())
    const other = await createPublicCertificate(NAMES, Date.now())
    for (const text of [other.key, 'nonsense']) {
      await writeFile(path.join(dir, 'public.key'), text)
      await assert.rejects(keepPublicCertificate(dir, NAMES, Date.now()), { code: 'INVALID' })
    }
    await rm(path.join(dir, 'public.key'))
    await assert.rejects(keepPublicCertificate(dir, NAMES, Date.now()), { code: 'INVALID' })
  }))
