import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { UserNames } from './user-names.ts'

test('users are named as /etc/passwd does, and it is not read again for each stranger', (t) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'bs-names-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const file = path.join(dir, 'passwd')
  writeFileSync(file, 'root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n')
  const names = new UserNames(file)
  assert.equal(names.show(1000), 'ann (uid 1000)')
  assert.equal(names.uidOf('ann'), 1000)
  assert.equal(names.uidOf('1001'), 1001)
  assert.equal(names.uidOf('bob'), undefined)
  rmSync(file)
  assert.equal(names.show(1000), 'ann (uid 1000)')
  assert.equal(names.show(4), 'uid 4')
})
