import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { portHolder, unixSocketHolder } from './port-holder.ts'

test('who listens on a Unix socket is found without asking it, and nobody where nobody does', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bs-holder-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'status.sock')
  assert.equal(unixSocketHolder(file), undefined)
  const silent = net.createServer(() => {}).listen(file)
  await once(silent, 'listening')
  assert.equal(unixSocketHolder(file), process.pid)
  silent.close()
  await once(silent, 'close')
  assert.equal(unixSocketHolder(file), undefined)
})

test('another user is told whose process has a port, which process it is only its own user', async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  assert.match(portHolder(port) ?? '', new RegExp(`\\(process ${process.pid}\\)$`))
  if (process.getuid?.() !== 0) return // only root can look as somebody else
  const code = `import { portHolder } from '${path.join(import.meta.dirname, 'port-holder.ts')}'; console.log(portHolder(${port}))`
  const args = ['--input-type=module', '-e', code]
  const { stdout } = spawnSync(process.execPath, args, { uid: 65_534, gid: 65_534, encoding: 'utf8' })
  assert.equal(stdout.trim(), 'a process of user root (uid 0)')
})
