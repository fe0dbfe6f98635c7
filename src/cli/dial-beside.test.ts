import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { dialBeside } from './dial-beside.ts'

async function serve(t: TestContext): Promise<{ dir: string; file: string }> {
  const dir = mkdtempSync(path.join(tmpdir(), 'bs-beside-'))
  const file = path.join(dir, 'admin.sock')
  const server = net.createServer((socket) => socket.end()).listen(file)
  await once(server, 'listening')
  chmodSync(file, 0o600)
  t.after(() => {
    server.close()
    rmSync(dir, { recursive: true })
  })
  return { dir, file }
}

test('a socket of the owner of the folder is used', async (t) => {
  const { file } = await serve(t)
  const connection = await dialBeside({ socket: file })
  assert.ok(connection)
  connection.destroy()
})

test('one that others may open, a link to one, a file, and one that is not there are not', async (t) => {
  const { dir, file } = await serve(t)
  const link = path.join(dir, 'link.sock')
  symlinkSync(file, link)
  assert.equal(await dialBeside({ socket: link }), undefined)
  const plain = path.join(dir, 'plain')
  writeFileSync(plain, '', { mode: 0o600 })
  assert.equal(await dialBeside({ socket: plain }), undefined)
  assert.equal(await dialBeside({ socket: path.join(dir, 'gone.sock') }), undefined)
  chmodSync(file, 0o666)
  assert.equal(await dialBeside({ socket: file }), undefined)
})
