import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { Registry } from 'prom-client'
import type { Fault } from '../../src/base/faults.ts'
import { createLog } from '../../src/base/log.ts'
import { createPublicCertificate } from '../../src/control/front/public-certificate.ts'
import { MAX_HELLO_BYTES } from '../../src/link/accept/hello-reader.ts'
import { ALPN_CONTROL, ALPN_PIPE } from '../../src/wire/handover.ts'
import { openTestEdge, openTunnel, type TestEdge } from './fixture.ts'

function get(t: TestEdge, o: https.RequestOptions = {}): Promise<{ text: string; socket: tls.TLSSocket }> {
  return new Promise((resolve, reject) => {
    const at = { host: '127.0.0.1', port: t.edge.port, rejectUnauthorized: false, agent: false, ...o }
    https
      .get(at, async (response) => {
        const socket = response.socket as tls.TLSSocket
        let text = ''
        for await (const chunk of response) text += chunk
        resolve({ text, socket })
      })
      .on('error', reject)
  })
}

/** A connection that says `bytes` and nothing more. */
function stall(t: TestEdge, bytes?: Buffer): net.Socket {
  const socket = net.connect(t.edge.port, '127.0.0.1').on('error', () => {})
  if (bytes) socket.write(bytes)
  return socket
}

const gone = (socket: net.Socket) => new Promise((resolve) => socket.resume().once('close', resolve))

test('people get the public certificate, over HTTP/1.1, with and without ALPN, and no question for theirs', async () => {
  await using t = await openTestEdge()
  const visit = await get(t)
  assert.equal(visit.text, 'hello, people\n')
  const socket = tls.connect({ host: '127.0.0.1', port: t.edge.port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const shown = socket.getPeerX509Certificate()
  assert.equal(shown?.fingerprint256, t.front.publicPin.fingerprint)
  assert.equal(shown?.checkIP('127.0.0.1'), '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n')
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
  socket.destroy()
})

test('a browser that offers h2 first gets http/1.1', async () => {
  await using t = await openTestEdge()
  const at = { host: '127.0.0.1', port: t.edge.port, rejectUnauthorized: false }
  const socket = tls.connect({ ...at, ALPNProtocols: ['h2', 'http/1.1'] })
  await once(socket, 'secureConnect')
  assert.equal(socket.alpnProtocol, 'http/1.1')
  socket.destroy()
})

test('TLS 1.2 is taken with AEAD alone: no CBC', async () => {
  await using t = await openTestEdge()
  const at = {
    host: '127.0.0.1',
    port: t.edge.port,
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
  } as const
  const good = tls.connect({ ...at, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })
  await once(good, 'secureConnect')
  assert.equal(good.getProtocol(), 'TLSv1.2')
  good.destroy()
  const cbc = tls.connect({ ...at, ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA' })
  await assert.rejects(once(cbc, 'secureConnect'), /handshake failure/)
})

test('a certificate of the operator is used as it is', async () => {
  const publicCertificate = await createPublicCertificate(['edge.example.com'], Date.now())
  await using t = await openTestEdge({ publicCertificate })
  assert.equal(t.front.publicPin.fingerprint, new X509Certificate(publicCertificate.cert).fingerprint256)
  const ca = publicCertificate.cert
  assert.equal(
    (await get(t, { ca, rejectUnauthorized: true, servername: 'edge.example.com' })).text,
    'hello, people\n',
  )
})

test('an ALPN that is not spoken here, and what is not TLS, are refused and counted', async () => {
  await using t = await openTestEdge()
  const at = { host: '127.0.0.1', port: t.edge.port, rejectUnauthorized: false }
  await assert.rejects(once(tls.connect({ ...at, ALPNProtocols: ['backstitch-pipe/2'] }), 'secureConnect'))
  await gone(stall(t, Buffer.from('GET / HTTP/1.1\r\n\r\n')))
  assert.deepEqual(t.edge.stats().refused, { PROTOCOL_ERROR: 2 })
})

test('a ClientHello over the cap is refused without waiting for the rest of it', async () => {
  await using t = await openTestEdge()
  const hello = Buffer.concat([Buffer.from([22, 3, 1, 0x10, 0, 1, 0, 0xff, 0xff]), Buffer.alloc(4092)])
  const socket = stall(t, hello)
  await gone(socket)
  assert.deepEqual(t.edge.stats().refused, { PROTOCOL_ERROR: 1 })
  assert.ok(hello.length < MAX_HELLO_BYTES)
})

test('handshakes that stall delay nobody and end at the deadline', async () => {
  await using t = await openTestEdge({ limits: { handshakeMs: 1500 } })
  const hello = await clientHello([ALPN_PIPE])
  const stalled = [
    stall(t),
    stall(t, hello.subarray(0, 40)),
    stall(t, hello),
    stall(t, await clientHello([ALPN_CONTROL])),
    stall(t, await clientHello([])),
  ]
  // What has said whom it comes for is passed on: two of them stall at the control plane.
  while (t.edge.stats().handshaking < 3 || t.front.connections < 2) await new Promise(setImmediate)
  const started = performance.now()
  const { client, connector } = await openTunnel(t)
  assert.equal((await get(t)).text, 'hello, people\n')
  assert.ok(performance.now() - started < 1000, 'a good one went through meanwhile')
  assert.equal(t.edge.stats().handshaking, 3)
  await Promise.all(stalled.map(gone))
  assert.deepEqual(t.edge.stats().refused, { HANDSHAKE_TIMEOUT: 3 })
  assert.deepEqual(t.front.refusedByCode, { HANDSHAKE_TIMEOUT: 2 })
  while (t.edge.stats().handshaking > 0) await new Promise(setImmediate)
  client.socket.destroy()
  connector.socket.destroy()
})

test('an address at its cap of unfinished handshakes is turned away at once, and let in when they end', async () => {
  await using t = await openTestEdge({ limits: { handshakesPerAddress: 3 } })
  const stalled = [stall(t), stall(t), stall(t)]
  while (t.edge.stats().handshaking < 3) await new Promise(setImmediate)
  await gone(stall(t))
  assert.deepEqual(t.edge.stats().refused, { EDGE_BUSY: 1 })
  for (const socket of stalled) socket.destroy()
  while (t.edge.stats().handshaking > 0) await new Promise(setImmediate)
  assert.equal((await get(t)).text, 'hello, people\n')
})

test('a request header that does not end is given up at its deadline', async () => {
  await using t = await openTestEdge({ limits: { headersMs: 300 } })
  const socket = tls.connect({ host: '127.0.0.1', port: t.edge.port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write('GET / HTTP/1.1\r\nHost: e\r\nX-Slow: ')
  const [answer] = await once(socket, 'data')
  assert.match(String(answer), /^HTTP\/1\.1 408 /)
  socket.destroy()
})

test('a defect in what answers people ends one connection, and the edge lives on', async () => {
  let visits = 0
  await using t = await openTestEdge({
    backend: {
      http: (_request, response) => {
        if (++visits === 1) throw new TypeError('a defect')
        response.end('again\n')
      },
    },
  })
  await assert.rejects(get(t))
  assert.equal((await get(t)).text, 'again\n')
})

test('metrics count what happened under labels from a closed list', async () => {
  const registry = new Registry()
  await using t = await openTestEdge({ registry })
  const { client, connector } = await openTunnel(t)
  await gone(stall(t, Buffer.from('nonsense')))
  const text = await registry.metrics()
  assert.match(text, /^backstitch_edge_pipes 1$/m)
  assert.match(text, /^backstitch_edge_pipes_total 1$/m)
  assert.match(text, /^backstitch_edge_handshake_seconds_count\{kind="pipe"\} 2$/m)
  assert.match(text, /^backstitch_edge_refused_total\{code="PROTOCOL_ERROR"\} 1$/m)
  client.socket.destroy()
  connector.socket.destroy()
})

test('a port that is taken is LISTEN_FAILED and says so', async () => {
  await using taken = await openTestEdge()
  await assert.rejects(openTestEdge({ listen: { host: '127.0.0.1', port: taken.edge.port } }), {
    code: 'LISTEN_FAILED',
  })
})

test('a plain HTTP client learns nothing but that the connection ended', async () => {
  await using t = await openTestEdge()
  const request = http.get({ host: '127.0.0.1', port: t.edge.port, agent: false })
  await assert.rejects(once(request, 'response'))
})

/** The first flight of node's own client. */
async function clientHello(alpn: string[]): Promise<Buffer> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const socket = tls.connect({ port, host: '127.0.0.1', ALPNProtocols: alpn }).on('error', () => {})
  const [accepted] = (await once(server, 'connection')) as [net.Socket]
  const [hello] = (await once(accepted, 'data')) as [Buffer]
  socket.destroy()
  accepted.destroy()
  server.close()
  return hello
}

test('a control plane keeps descriptors for its database and for its admin, whoever connects', async () => {
  const taken = readdirSync('/proc/self/fd').length
  await using t = await openTestEdge({ frontDescriptors: taken + 64 + 12 })
  const hello = await clientHello([])
  const many = Array.from({ length: 40 }, () => stall(t, hello))
  while ((t.front.refusedByCode.FD_EXHAUSTED ?? 0) < 10) await new Promise(setImmediate)
  for (const socket of many) socket.destroy()
  while (t.edge.stats().connections > 0) await new Promise(setImmediate)
  assert.equal((await get(t)).text, 'hello, people\n')
})

test('an edge that is short of descriptors turns newcomers away, says so, and still passes on whom it has', async () => {
  const taken = readdirSync('/proc/self/fd').length
  const lines: string[] = []
  const log = createLog('edge', { level: 'error', destination: { write: (line) => void lines.push(line) } })
  // The edge, its front and the visitors are one process here: each visitor takes up to four descriptors.
  await using t = await openTestEdge({ descriptors: taken + 64 + 12, log })
  assert.equal((await get(t)).text, 'hello, people\n')
  assert.equal(t.edge.shortage, undefined)
  const many = Array.from({ length: 40 }, () => stall(t))
  while ((t.edge.stats().refused.FD_EXHAUSTED ?? 0) < 10) await new Promise(setImmediate)
  const { code, hop } = (t.edge as { shortage?: Fault }).shortage ?? {}
  assert.deepEqual([code, hop], ['FD_EXHAUSTED', 'edge'])
  assert.equal(lines.filter((line) => line.includes('FD_EXHAUSTED')).length, 1)
  for (const socket of many) socket.destroy()
  while (t.edge.stats().connections > 0) await new Promise(setImmediate)
  assert.equal((await get(t)).text, 'hello, people\n')
})
