import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { KeptProcess } from '../base/kept-process.ts'
import { silentLog } from '../base/log.ts'
import { peekClientHello } from '../link/accept/client-hello.ts'
import { stopReading } from './hand-on.ts'

const signal = new AbortController().signal

/** What node's own client sends. */
async function realHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const server = net.createServer((socket) => {
    socket
      .on('error', () => {})
      .once('data', (hello) => {
        resolve(hello as Buffer)
        socket.destroy()
      })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as net.AddressInfo
  tls.connect({ port, host: '127.0.0.1', ALPNProtocols: ['backstitch-pipe/1'] }).on('error', () => {})
  const hello = await promise
  server.close()
  return hello
}

test('of 1 000 connections that send at once behind their ClientHello not a byte is lost, nor an end', async () => {
  await using echo = new KeptProcess<{ first: Uint8Array }, never>({
    ...{ kind: 'worker', name: 'echo', hop: 'edge', log: silentLog },
    entry: new URL('./hand-on.fixture.ts', import.meta.url).pathname,
    first: () => ({ first: Buffer.alloc(0) }),
    last: () => ({ first: Buffer.alloc(0) }),
    onNews() {},
    onEnded() {},
  })
  echo.start()
  const ours: net.Socket[] = []
  const accepting = { pauseOnConnect: true, allowHalfOpen: true }
  const server = net.createServer(accepting, (socket) => {
    ours.push(socket.on('error', () => {}))
    void peekClientHello(socket, signal).then(() => echo.give({ first: stopReading(socket) }, socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as net.AddressInfo
  const hello = await realHello()
  let lost = 0
  const one = async (at: number) => {
    const rest = randomBytes(1 + ((at * 997) % 20_000))
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const way = at % 4
    if (way === 0) socket.end(Buffer.concat([hello, rest]))
    else {
      // In a moment: what the accepting process has read by then differs from one to the next.
      socket.write(way === 1 ? hello.subarray(0, 100) : hello)
      if (way === 1) socket.write(hello.subarray(100))
      if (way === 3) await new Promise(setImmediate)
      socket.write(rest.subarray(0, rest.length >> 1))
      await new Promise(setImmediate)
      socket.end(rest.subarray(rest.length >> 1))
    }
    const back: Buffer[] = []
    socket.on('data', (piece: Buffer) => back.push(piece))
    await once(socket, 'end')
    if (!Buffer.concat(back).equals(Buffer.concat([hello, rest]))) lost++
  }
  for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 50 }, (_, at) => one(at)))
  assert.equal(lost, 0)
  for (const socket of ours) socket.destroy()
  server.close()
})
