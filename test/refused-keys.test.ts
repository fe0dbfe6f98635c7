/**
 * A machine that came with a provisioning key that does not let it in: the admin sees it where they look, and the machine
 * says it, also after its daemon has ended. The real server, connectors and commands, each a process of its own.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConnectorProcess } from './connector-process.ts'
import { PROGRAM } from './installation.ts'
import { LoneServer } from './lone-server.ts'
import { finish } from './program.ts'

interface World {
  readonly dir: string
  readonly server: LoneServer
  /** A key in a file of its own, as many machines as are to have it. */
  keyFile(text: string, name: string): string
}

async function world(t: TestContext): Promise<World> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-keys-'))
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10 }))
  const server = await LoneServer.start(t, { state: path.join(dir, 'server') })
  await server.command(['apply', '-f', '-'], 'kind: connector-group\nname: dc1\n')
  return {
    dir,
    server,
    keyFile(text, name) {
      const file = path.join(dir, name)
      writeFileSync(file, text)
      chmodSync(file, 0o600)
      return file
    },
  }
}

test('a key that is used up: who came in vain is in lists, views and status, until they are in', async (t) => {
  const { dir, server, keyFile } = await world(t)
  const key = await server.command(['key', 'create', '--group', 'dc1', '--name', 'k1'])
  await using first = new ConnectorProcess({ stateDir: path.join(dir, 'a'), keyFile: keyFile(key, 'key-a') })
  await first.event('connector.healthy')
  const before = await server.command(['get', 'keys'])
  assert.match(before, /^k1 +exhausted +dc1 +1\/1 +\S+ +-$/m)
  const stateDir = path.join(dir, 'b')
  const file = keyFile(key, 'key-b')
  await using second = new ConnectorProcess({ stateDir, keyFile: file })
  assert.equal((await second.event('bring-up.failed')).code, 'KEY_EXHAUSTED')

  const host = os.hostname()
  const said = new RegExp(
    `KEY_EXHAUSTED (?:once|\\d+ times, last) at \\d{4}-\\S+ from 127\\.0\\.0\\.1 \\(${host}\\)`,
  )
  assert.match(await server.command(['get', 'keys']), said)
  assert.match(await server.command(['describe', 'key', 'k1']), new RegExp(`^refused ${said.source}$`, 'm'))
  assert.match(
    await server.command(['status']),
    new RegExp(`^note +degraded: key k1 refused a machine: ${said.source}`, 'm'),
  )
  const [listed] = JSON.parse(await server.command(['--json', 'get', 'keys']))
  assert.equal(listed.refused.code, 'KEY_EXHAUSTED')

  // The same machine gets in with another key: nothing of it is left.
  const next = await server.command(['key', 'create', '--group', 'dc1', '--name', 'k2'])
  writeFileSync(file, next)
  await second.event('connector.healthy')
  assert.doesNotMatch(await server.command(['get', 'keys']), /KEY_EXHAUSTED/)
})

test('the doctor of a machine that was refused says so after its daemon has ended, until another key lies there', async (t) => {
  const { dir, server, keyFile } = await world(t)
  const key = await server.command(['key', 'create', '--group', 'dc1', '--name', 'k1'])
  await server.command(['delete', 'key', 'k1'])
  const stateDir = path.join(dir, 'a')
  const file = keyFile(key, 'key-a')
  const flags = ['--config', '/dev/null', '--state', stateDir, '--key-file', file]
  {
    await using connector = new ConnectorProcess({ stateDir, keyFile: file })
    const failed = await connector.event('bring-up.failed')
    assert.equal(failed.code, 'KEY_REVOKED')
    assert.match(String(failed.fix), /^backstitch key create --group dc1,/, 'the group of the key is known')
    writeFileSync(file, key) // touched: tried again at once, and then looked into
    const running = await finish([PROGRAM, 'doctor', 'connector', ...flags])
    assert.match(running.stdout, /^control KEY_REVOKED: /)
    assert.match(running.stdout, /fix +backstitch key create --group dc1/)
    const verdict = await connector.event('doctor.verdict')
    assert.match(JSON.stringify(verdict.fix), /--group dc1/)
    connector.child.kill('SIGTERM')
    await connector.exited
  }
  const ended = await finish([PROGRAM, 'doctor', 'connector', ...flags])
  assert.equal(ended.code, 1, ended.stdout)
  assert.match(ended.stdout, /^control KEY_REVOKED: /)
  assert.match(ended.stdout, /fix +backstitch key create --group dc1/)
  assert.match(ended.stdout, /✗ what the control plane reports/)
  await assert.rejects(
    server.command(['describe', 'key', 'k1']),
    /was deleted at .*; a machine still presents it: (?:once|\d+ times), last at \S+ from 127\.0\.0\.1 \(/,
  )
  writeFileSync(file, await server.command(['key', 'create', '--group', 'dc1', '--name', 'k2']))
  const another = await finish([PROGRAM, 'doctor', 'connector', ...flags])
  assert.doesNotMatch(another.stdout, /KEY_REVOKED/)
})
