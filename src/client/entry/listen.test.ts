import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempDisposable } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { keepAliveDue } from '../../base/keep-alive.fixture.ts'
import { raceConnect } from '../../link/dial/race-connect.ts'
import { acceptorsOf } from './busy-listener.ts'
import { ACCEPT, closeServer, listenAt } from './listen.ts'

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

test('a listener accepts through several descriptors of one socket, which nobody else can listen at', async (t) => {
  if (process.platform !== 'linux') return t.skip('Linux only')
  const server = net.createServer(ACCEPT)
  const bound = await listenAt(server, { host: '127.0.0.1', port: 0 })
  assert.ok('port' in bound)
  const { host, port } = bound
  let accepted = 0
  const sockets: net.Socket[] = []
  server.on('connection', (socket: net.Socket) => {
    accepted++
    sockets.push(socket)
    const due = keepAliveDue(socket)
    assert.ok(due !== undefined && due > 4000 && due <= 6000, `${due}`)
  })
  while (acceptorsOf(server).length < 4) await delay(10)
  const programs = Array.from({ length: 64 }, () => net.connect(port, host))
  await Promise.all(programs.map((one) => once(one, 'connect')))
  let turns = 0
  for (; accepted < 64; turns++) await new Promise(setImmediate)
  assert.ok(turns < 48, `${turns} turns for 64 connections`)

  for (const reusePort of [false, true]) {
    const second = net.createServer()
    const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException>()
    second.once('error', resolve).listen({ host, port, reusePort })
    assert.equal((await promise).code, 'EADDRINUSE')
  }
  await assert.rejects(listenAt(net.createServer(), bound), { code: 'LISTEN_FAILED' })

  for (const socket of [...sockets, ...programs]) socket.destroy()
  await closeServer(server)
  const late = net.connect(port, host)
  assert.equal(((await once(late, 'error')) as [NodeJS.ErrnoException])[0].code, 'ECONNREFUSED')
})
