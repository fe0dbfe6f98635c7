import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { lookAtPackage } from '../probe/package.ts'
import { upgradePackage, upgradeVersion } from './checks/upgrade-package.ts'
import { diagnose } from './diagnose.ts'
import { type Change, factsOf } from './facts.fixture.ts'

test('a package is judged by the first step of an upgrade that would fail', async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'backstitch-'))
  t.after(() => rm(dir, { recursive: true }))
  const at = (name: string) => path.join(dir, name)
  const files = { file: at('next.tgz'), signatureFile: at('next.tgz.sig'), publicKeyFile: at('key.pem') }
  const verdictOf = async (change: object = {}) => {
    const found = { ...(await lookAtPackage(files, dir)), ...change }
    const known = { package: found } as Change['known']
    const [one] = diagnose([upgradePackage], factsOf({ known, patient: { package: files } })).judgements
    const { verdict } = one!
    return verdict.is === 'fail' ? `${verdict.fault}, ${verdict.seen.join(', ')}` : verdict.is
  }
  assert.equal(await verdictOf(), `UPGRADE_FAILED, step read, ${files.file}: ENOENT`)
  const content = Buffer.alloc(100_000, 7)
  await writeFile(files.file, content)
  assert.equal(await verdictOf(), `UPGRADE_FAILED, step verify, ${files.publicKeyFile}: ENOENT`)
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  await writeFile(files.publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }))
  assert.equal(await verdictOf(), `UPGRADE_FAILED, step verify, ${files.signatureFile}: ENOENT`)
  await writeFile(files.signatureFile, sign(null, content, privateKey))
  assert.equal(await verdictOf(), 'pass')
  await writeFile(files.signatureFile, `${sign(null, content, privateKey).toString('base64')}\n`)
  assert.equal(await verdictOf(), 'pass', 'as text, too')
  const room = { path: dir, freeBytes: 200_000, totalBytes: 1e9 }
  assert.match(
    await verdictOf({ room }),
    /^UPGRADE_FAILED, step room, the package has 0\.1 MiB, 0\.2 MiB free/,
  )
  await writeFile(files.file, content.subarray(1))
  assert.match(
    await verdictOf(),
    /^UPGRADE_FAILED, step verify, .* is not a signature of this file by this key/,
  )
})

test('a daemon of another version than the one installed has not been started anew', () => {
  const daemon = { socket: 's', answers: true, pid: 7, state: 'connected', version: '0.0.0-old' }
  const [one] = diagnose([upgradeVersion], factsOf({ known: { daemon } })).roots
  assert.equal(one?.verdict.fault, 'UPGRADE_FAILED')
  assert.match(one.verdict.seen.join('; '), /^step start; the daemon \(process 7\) is version 0\.0\.0-old/)
})
