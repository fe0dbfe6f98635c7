/** A server that is stopped on purpose says who stops it: in its last words, and to the agents that lose it. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { ConnectorProcess } from './connector-process.ts'
import { LoneServer } from './lone-server.ts'

test('SIGTERM from whoever keeps it: the server says so, and a connector reads it', async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-goodbye-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const server = await LoneServer.start(t, {
    ...{ state: path.join(dir, 'server'), stdio: 'pipe' },
    env: { INVOCATION_ID: undefined },
  })
  let said = ''
  server.child.stdout!.resume()
  server.child.stderr!.on('data', (part: Buffer) => {
    said += part
  })
  await server.command(['apply', '-f', '-'], JSON.stringify({ kind: 'connector-group', name: 'dc1' }))
  const keyFile = path.join(dir, 'key')
  await writeFile(keyFile, await server.command(['key', 'create', '--group', 'dc1']), { mode: 0o600 })
  await using connector = new ConnectorProcess({ stateDir: path.join(dir, 'connector'), keyFile })
  await connector.event('connector.healthy')

  assert.equal(await server.stop('SIGTERM'), 0)
  assert.match(said, /"msg":"Server is stopping: SIGTERM, kept by \S+"/)
  const down = await connector.event('control.disconnected')
  assert.match(down.msg, /the server said goodbye: SIGTERM, kept by \S+$/)
  assert.deepEqual([down.code, (down.seen as { left: string }).left], ['CONTROL_UNREACHABLE', 'signal'])
})
