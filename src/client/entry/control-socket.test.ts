import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { writeLine } from './control-line.ts'
import { ControlSocket } from './control-socket.ts'
import { openProxy } from './local-proxy.fixture.ts'

test('a forward whose command is gone before it is answered does not stay', async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bst-'))
  t.after(() => rm(dir, { recursive: true }))
  const file = path.join(dir, 'control.sock')
  await using proxy = await openProxy()
  await using _ = await ControlSocket.open({
    ...{ ...proxy, file, reload: async () => {} },
    looks: { look: async () => ({ well: true }) },
  })
  const count = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length
  const before = { listeners: count('TCPServerWrap'), sockets: count('PipeWrap') }
  const command = net.connect(file)
  await once(command, 'connect')
  const local = { host: '127.0.0.1', port: 0 }
  command.write(writeLine({ op: 'forward', protocol: 'tcp', local, host: 'app.example', port: 80 }))
  command.destroy()
  const behind = net.connect(file)
  behind.write(writeLine({ op: 'reload' }))
  await once(behind, 'data') // so the command before it was accepted
  behind.destroy()
  while (count('PipeWrap') > before.sockets) await new Promise(setImmediate)
  await new Promise(setImmediate)
  assert.equal(count('TCPServerWrap'), before.listeners)
})
