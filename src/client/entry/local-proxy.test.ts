import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Fault } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import { Client } from '../client.ts'
import { clientOptions } from '../options.ts'
import { LocalProxy } from './local-proxy.ts'
import { LocalUsers } from './local-users.ts'

let proxy: LocalProxy
let client: Client
let dir: string
const HANDSHAKE_MS = 400

// A client that nobody has signed in at: every session is refused, which is all that misuse should get to see.
before(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'bs-proxy-'))
  client = new Client(clientOptions({ stateDir: dir }, silentLog))
  proxy = await LocalProxy.open({
    places: [{ host: '127.0.0.1', port: 0 }],
    opener: client.opener,
    users: client.users,
    log: silentLog,
    covered: () => ({ hosts: [], cidrs: [] }),
    metrics: () => client.metrics(),
    handshakeMs: HANDSHAKE_MS,
    maxHandshakes: 64,
  })
})
after(async () => {
  await proxy[Symbol.asyncDispose]()
  await rm(dir, { recursive: true, force: true })
})

function dial(): net.Socket {
  const [host, port] = proxy.address!.split(':')
  const socket = net.connect({ host: host!, port: Number(port), allowHalfOpen: true })
  socket.on('error', () => {})
  return socket
}

/** Everything that comes until the proxy is done with the connection. */
async function answer(socket: net.Socket): Promise<Buffer> {
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  await new Promise<void>((resolve) => {
    socket.once('end', resolve)
    socket.once('close', () => resolve())
  })
  socket.destroy()
  return Buffer.concat(parts)
}

test('garbage of any kind gets a refusal or nothing, and the proxy goes on', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.constantFrom(
        [],
        [5],
        [5, 1, 0],
        [5, 1, 0, 5, 1, 0, 3],
        [...Buffer.from('CONNECT ')],
        [...Buffer.from('GET http://')],
      ),
      async (noise, start) => {
        const socket = dial()
        socket.end(Buffer.from([...start, ...noise]))
        const [version, method] = await answer(socket).then((all) => {
          const text = all.toString('latin1')
          return all[0] === 5
            ? [5, all[1]]
            : [text === '' ? 0 : /^HTTP\/1\.1 [45]\d\d /.test(text) ? 1 : text]
        })
        assert.ok(
          version === 0 || version === 1 || (version === 5 && (method === 0 || method === 255)),
          `${version}`,
        )
      },
    ),
    { numRuns: 150 },
  )
})

test('a program that stalls in its handshake is cut, wherever it stalls', async () => {
  const stalls = [
    '',
    '\x05',
    '\x05\x01\x00',
    '\x05\x01\x00\x05\x01\x00\x03\x09loc',
    'GET ',
    'CONNECT a:1 HTTP/1.1\r\nHost: a',
  ]
  const startMs = performance.now()
  await Promise.all(
    stalls.map(async (bytes) => {
      const socket = dial()
      await once(socket, 'connect')
      if (bytes !== '') socket.write(Buffer.from(bytes, 'latin1'))
      await answer(socket)
    }),
  )
  assert.ok(performance.now() - startMs < HANDSHAKE_MS * 4)
})

test('a head that comes a byte at a time has no longer than one that stands still', async () => {
  const socket = dial()
  const startMs = performance.now()
  socket.write('GET http://a/ HTTP/1.1\r\nHost: a\r\nX: ')
  const drip = setInterval(() => socket.write('a'), HANDSHAKE_MS / 20)
  assert.equal((await answer(socket)).length, 0)
  clearInterval(drip)
  assert.ok(performance.now() - startMs < HANDSHAKE_MS * 4)
})

test('stalled handshakes have a limit, and the one after it is served', async () => {
  const stalled = Array.from({ length: 100 }, dial)
  await Promise.all(stalled.map((socket) => answer(socket)))
  const socket = dial()
  socket.end('GET /proxy.pac HTTP/1.1\r\nHost: localhost:1\r\n\r\n')
  assert.match((await answer(socket)).toString(), /^HTTP\/1\.1 403 /)
})

test('a session that cannot be had says why on both protocols', async () => {
  const socks = dial()
  socks.end(Buffer.from('050100050100030161 0050'.replace(' ', ''), 'hex'))
  assert.deepEqual([...(await answer(socks)).subarray(0, 4)], [5, 0, 5, 3])
  const http = dial()
  http.end('CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n')
  const text = (await answer(http)).toString()
  assert.match(text, /^HTTP\/1\.1 504 /)
  assert.equal(JSON.parse(text.slice(text.indexOf('\r\n\r\n'))).code, 'CONTROL_UNREACHABLE')
})

test('a port that is taken is named', async () => {
  const [host, port] = proxy.address!.split(':')
  await assert.rejects(
    LocalProxy.open({
      places: [{ host: host!, port: Number(port) }],
      opener: client.opener,
      users: client.users,
      log: silentLog,
      covered: () => ({ hosts: [], cidrs: [] }),
      metrics: () => client.metrics(),
    }),
    (fault: Fault) => {
      assert.equal(fault.code, 'LISTEN_FAILED')
      assert.match(fault.detail, /^127\.0\.0\.1:\d+: EADDRINUSE, held by .+ \(process \d+\)$/)
      return true
    },
  )
})

test('those whose user is being asked for take no place of a program that may come in', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'bs-proxy-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  let asked = 0
  class Slow extends LocalUsers {
    override admit(): void {
      asked++ // and no answer, as while tables are read that strangers keep long
    }
  }
  const file = path.join(folder, 'proxy.sock')
  await using slow = await LocalProxy.open({
    places: [{ host: '127.0.0.1', port: 0 }, { file }],
    opener: client.opener,
    users: new Slow(),
    log: silentLog,
    covered: () => ({ hosts: [], cidrs: [] }),
    metrics: () => 'figures\n',
    maxHandshakes: 2,
  })
  const port = Number(slow.address!.split(':')[1])
  const strangers = Array.from({ length: 3 }, () => net.connect(port, '127.0.0.1').on('error', () => {}))
  t.after(() => {
    for (const one of strangers) one.destroy()
  })
  await Promise.race(strangers.map((one) => once(one, 'close'))) // the third
  assert.equal(asked, 3)
  const own = net.connect(file)
  own.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  assert.match((await answer(own)).toString(), /figures/)
})
