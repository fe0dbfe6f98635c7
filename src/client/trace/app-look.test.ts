import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { TestTenant } from '../../link/dial/tenant.fixture.ts'
import { lookAtApp } from './app-look.ts'

async function connected(t: TestContext, server: net.Server): Promise<net.Socket> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  t.after(() => {
    socket.destroy()
    server.close()
  })
  await once(socket, 'connect')
  return socket
}

async function tlsServer(name: string, nowMs?: number): Promise<tls.Server> {
  const tenant = await TestTenant.create()
  const { keyPem: key, certificate: cert } = await tenant.credentials('edge', 'edg_1', {
    names: [name],
    nowMs,
  })
  return tls.createServer({ key, cert }, (socket) => socket.on('error', () => {}))
}

test('a certificate with the name passes; one for another name fails and says for which', async (t) => {
  const server = await tlsServer('wiki.internal')
  const [secured, application] = await lookAtApp(await connected(t, server), {
    host: 'wiki.internal',
    port: 443,
  })
  assert.equal(secured.verdict, 'pass')
  assert.match(secured.text, /^TLSv1\.[23], its certificate covers wiki\.internal$/)
  assert.equal(application.verdict, 'pass')
})

test('a certificate for another name', async (t) => {
  const server = await tlsServer('other.internal')
  const [secured] = await lookAtApp(await connected(t, server), { host: 'wiki.internal', port: 443 })
  assert.equal(secured.fault?.code, 'APP_TLS_NAME')
  assert.match(secured.text, /other\.internal.*not for wiki\.internal/)
})

test('one that is expected to speak TLS and does not is not called broken', async (t) => {
  const server = net.createServer((socket) =>
    socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  )
  const [secured, application] = await lookAtApp(await connected(t, server), {
    host: 'wiki.internal',
    port: 443,
  })
  assert.equal(secured.verdict, 'unknown')
  assert.equal(application.verdict, 'unknown')
})

test('one that hangs up on a ClientHello is, and whatever it is, it answers no program', async (t) => {
  for (const answer of [
    (socket: net.Socket) => socket.end(),
    (socket: net.Socket) => socket.once('data', () => socket.end()),
  ]) {
    const rude = net.createServer((socket) => answer(socket.on('error', () => {})))
    const [secured, application] = await lookAtApp(await connected(t, rude), {
      host: 'wiki.internal',
      port: 443,
    })
    assert.equal(secured.verdict, 'unknown')
    assert.equal(application.fault?.code, 'APP_HUNG_UP')
  }
})

test('one that resets does not hang up', async (t) => {
  const server = net.createServer((socket) => socket.once('data', () => socket.resetAndDestroy()))
  const [, application] = await lookAtApp(await connected(t, server), { host: 'wiki.internal', port: 443 })
  assert.equal(application.verdict, 'unknown')
})

test('one that hangs up at once is; one that waits for a request is not, and is sent nothing', async (t) => {
  const rude = net.createServer((socket) => socket.end())
  const [, closed] = await lookAtApp(await connected(t, rude), { host: 'a.internal', port: 80 })
  assert.equal(closed.fault?.code, 'APP_HUNG_UP')
  const got: Buffer[] = []
  const patient = net.createServer((socket) => socket.on('data', (chunk: Buffer) => got.push(chunk)))
  const [secured, application] = await lookAtApp(await connected(t, patient), {
    host: 'a.internal',
    port: 80,
  })
  assert.equal(secured.verdict, 'skip')
  assert.equal(application.verdict, 'pass')
  assert.deepEqual(got, [])
})

test('what a greeting holds cannot act on a terminal', async (t) => {
  const server = net.createServer((socket) => socket.end('220 \u001b[2Jmail\r\nsecond'))
  const [, application] = await lookAtApp(await connected(t, server), { host: 'a.internal', port: 25 })
  assert.equal(application.text, 'it sends a greeting: 220 \\u001b[2Jmail')
})

test('a certificate that has ended, or begins tomorrow, fails and says when', async (t) => {
  for (const [days, words] of [
    [-400, /the certificate for wiki\.internal expired at /],
    [1, /the certificate for wiki\.internal is not valid before /],
  ] as const) {
    const server = await tlsServer('wiki.internal', Date.now() + days * 86_400_000)
    const [secured] = await lookAtApp(await connected(t, server), { host: 'wiki.internal', port: 443 })
    assert.equal(secured.fault?.code, 'APP_CERT_EXPIRED')
    assert.match(secured.text, words)
  }
})

test('a handshake that ends well and late is said as slow, with its time', { timeout: 20_000 }, async (t) => {
  const secured = await tlsServer('wiki.internal')
  await once(secured.listen(0, '127.0.0.1'), 'listening')
  t.after(() => secured.close())
  const { port } = secured.address() as net.AddressInfo
  /** Time that goes by is what is tested. */
  const late = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1')
    setTimeout(() => near.pipe(far).pipe(near), 2200)
    near.on('error', () => {}).on('close', () => far.destroy())
    far.on('error', () => {}).on('close', () => near.destroy())
  })
  const [step] = await lookAtApp(await connected(t, late), { host: 'wiki.internal', port: 443 })
  assert.equal(step.verdict, 'pass')
  assert.match(
    step.text,
    /^TLSv1\.[23], its certificate covers wiki\.internal; slow: its handshake took 2\.\d s$/,
  )
})
