import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { Fault } from '../base/faults.ts'
import { findContext, writeContext, writeToken } from './context.ts'

function folder(): { path: string } & Disposable {
  const made = mkdtempSync(path.join(tmpdir(), 'bs-context-'))
  return { path: made, [Symbol.dispose]: () => rmSync(made, { recursive: true }) }
}

const FINGERPRINT = Array.from({ length: 32 }, () => 'AB').join(':')

test('what the server writes is what commands find; both files are for their owner alone', async () => {
  using at = folder()
  const file = path.join(at.path, 'context.json')
  await writeToken(path.join(at.path, 'admin.token'), 'bst_secret')
  await writeContext(file, {
    server: 'https://[::1]:8443',
    fingerprint: FINGERPRINT,
    tokenFile: 'admin.token',
  })
  for (const name of ['context.json', 'admin.token']) {
    assert.equal(statSync(path.join(at.path, name)).mode & 0o777, 0o600)
  }
  const found = await findContext(file)
  assert.deepEqual(found, {
    file,
    server: 'https://[::1]:8443',
    fingerprint: FINGERPRINT,
    token: 'bst_secret',
  })
})

test('without a name it is looked for in XDG, and the fault says where', async () => {
  using at = folder()
  const env = { XDG_CONFIG_HOME: at.path }
  const fault = await findContext(undefined, env, at.path).catch((error: Fault) => error)
  assert.ok(fault instanceof Fault && fault.code === 'CONTEXT_MISSING')
  assert.ok((fault.seen.looked as string[]).includes(path.join(at.path, 'backstitch', 'context.json')))
})

for (const [name, text, wanted] of [
  ['no HTTPS', '{"version":1,"server":"http://h:1","tokenFile":"t"}', 'INVALID'],
  ['an unknown key', '{"version":1,"server":"https://h","tokenfile":"t"}', 'INVALID'],
  [
    'half a fingerprint',
    '{"version":1,"server":"https://h","fingerprint":"AB:CD","tokenFile":"t"}',
    'INVALID',
  ],
  ['a token file that is gone', '{"version":1,"server":"https://h","tokenFile":"gone"}', 'CONTEXT_MISSING'],
] as const) {
  test(`a context with ${name} is refused with ${wanted}, naming the file`, async () => {
    using at = folder()
    const file = path.join(at.path, 'context.json')
    writeFileSync(file, text)
    await assert.rejects(
      findContext(file),
      (fault: Fault) => fault.code === wanted && fault.detail.includes(file),
    )
  })
}
