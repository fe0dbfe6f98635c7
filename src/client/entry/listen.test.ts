import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempDisposable } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { keepAliveDue } from '../../base/keep-alive.fixture.ts'
import { raceConnect } from '../../link/dial/race-connect.ts'
import { ACCEPT, listenAt } from './listen.ts'

test('the kernel asks after hosts that are silent for a minute: of programs, and straight out', async () => {
  const server = net.createServer(ACCEPT).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const accepted = once(server, 'connection') as Promise<[net.Socket]>
  const dialled = await raceConnect(['127.0.0.1'], port, new AbortController().signal)
  const [program] = await accepted
  for (const socket of [program, dialled]) {
    const due = keepAliveDue(socket)
    assert.ok(due !== undefined && due > 4000 && due <= 6000, `${due}`)
    socket.destroy()
  }
  server.close()
})

test('a thousand programs that come at once are all let in', async (t) => {
  await using dir = await mkdtempDisposable(path.join(tmpdir(), 'listen-'))
  const file = path.join(dir.path, 'entry.sock')
  const server = net.createServer(ACCEPT)
  await listenAt(server, { file })
  t.after(() => server.close())
  // All of them before the first is accepted: the kernel refuses at once what it has no room for.
  const all = Array.from({ length: 1000 }, () => net.connect(file))
  t.after(() => all.forEach((socket) => void socket.destroy()))
  await Promise.all(all.map((socket) => once(socket, 'connect')))
})
