import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { StateDir } from '../../base/state-dir.ts'
import { createKeyAndCsr } from '../../pki/csr.ts'
import { enrolledIdentity } from './agent-certificate.ts'
import { finishEnrolment } from './enrol.ts'
import { identityFile } from './identity-file.ts'

for (const { what, ofHeld, left } of [
  { what: 'that stored its identity is tidied up', ofHeld: true, left: false },
  // It was deleted, and a key of later is to make another of it: that key may have come a moment ago.
  { what: 'that is to replace the identity keeps its key', ofHeld: false, left: true },
]) {
  test(`after a crash, an enrolment ${what}`, async (t) => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-enrol-'))
    t.after(() => rm(dir, { recursive: true }))
    const store = identityFile(await StateDir.open(dir, 'edge'), enrolledIdentity, 'edge')
    const held = await createKeyAndCsr('host')
    await store.keepPending(ofHeld ? held : await createKeyAndCsr('host'))
    const keyFile = path.join(dir, 'provision_key')
    await writeFile(keyFile, 'a key')
    await finishEnrolment(held, { store, keyFile, log: silentLog })
    assert.equal(existsSync(keyFile), left)
    assert.equal((await store.pending()) !== undefined, left)
  })
}

test('a key that lies there after an enrolment was complete is left alone', async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-enrol-'))
  t.after(() => rm(dir, { recursive: true }))
  const store = identityFile(await StateDir.open(dir, 'edge'), enrolledIdentity, 'edge')
  const keyFile = path.join(dir, 'provision_key')
  await writeFile(keyFile, 'a key')
  await finishEnrolment(await createKeyAndCsr('host'), { store, keyFile, log: silentLog })
  assert.ok(existsSync(keyFile))
})
