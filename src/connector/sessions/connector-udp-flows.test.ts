import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { TunnelPair } from '../../mux/pair.fixture.ts'
import { openTunnel, type TunnelFixture } from '../tunnels/tunnel.fixture.ts'
import { holdEarly } from './connector-udp-flows.ts'

async function bound(t: TestContext): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  return socket
}

async function flow(tunnel: TunnelFixture, port: number) {
  const jws = await tunnel.grant({ hosts: ['dns.example'] })
  const opening = tunnel.open(jws, { protocol: 'udp', host: 'dns.example', port })
  const received: Buffer[] = []
  const waiting: (() => void)[] = []
  opening.stream.onDatagram = (datagram) => {
    received.push(Buffer.from(datagram))
    waiting.shift()?.()
  }
  const next = async () => {
    if (received.length === 0) await new Promise<void>((resolve) => waiting.push(resolve))
    return received.shift()!
  }
  return { ...opening, next }
}
const LOCAL = async () => [{ address: '127.0.0.1' }]

test('a UDP flow carries datagrams both ways, whole, from the first one on', async (t) => {
  const echo = await bound(t)
  echo.on('message', (datagram, { port, address }) => echo.send(datagram, port, address))
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const { stream, opened, next, closed, session } = await flow(tunnel, echo.address().port)
  stream.sendDatagram(Buffer.from('sent before OPENED'))
  assert.equal((await opened).address, '127.0.0.1')
  assert.equal((await next()).toString(), 'sent before OPENED')
  for (const bytes of [0, 1, 1472, 9000]) {
    const datagram = Buffer.alloc(bytes, bytes & 0xff)
    stream.sendDatagram(datagram)
    assert.deepEqual(await next(), datagram)
  }
  stream.end()
  assert.equal((await closed).reason, 'done')
  await tunnel.client.ping()
  const record = await tunnel.record(session)
  assert.equal(record?.protocol, 'udp')
  assert.equal(record?.closeReason, 'done')
})

test('a UDP flow hears nobody but its application', async (t) => {
  const application = await bound(t)
  const stranger = await bound(t)
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const { stream, opened, next } = await flow(tunnel, application.address().port)
  await opened
  stream.sendDatagram(Buffer.from('question'))
  const [, from] = (await once(application, 'message')) as [Buffer, dgram.RemoteInfo]
  await new Promise<void>((resolve) =>
    stranger.send('forged answer', from.port, '127.0.0.1', () => resolve()),
  )
  application.send('answer', from.port, '127.0.0.1')
  assert.equal((await next()).toString(), 'answer')
})

test('a UDP flow to a port where nobody listens ends with APP_REFUSED', async (t) => {
  const gone = dgram.createSocket('udp4')
  gone.bind(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port } = gone.address()
  await new Promise<void>((resolve) => gone.close(() => resolve()))
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const { stream, opened, closed } = await flow(tunnel, port)
  await opened
  const again = setInterval(() => stream.sendDatagram(Buffer.from('anyone?')), 10)
  t.after(() => clearInterval(again))
  assert.equal((await closed).reason, 'APP_REFUSED')
  assert.deepEqual(reachOf(tunnel), [['udp', false, 'APP_REFUSED']], 'and control is told')
})

test('a UDP flow that is answered is told to control, one that is not is no news', async (t) => {
  let answers = false
  const app = dgram.createSocket('udp4')
  app.bind(0, '127.0.0.1')
  await once(app, 'listening')
  t.after(() => app.close())
  app.on('message', (datagram, from) => answers && app.send(datagram, from.port, from.address))
  await using tunnel = await openTunnel({ lookup: LOCAL })
  const { stream, opened, next } = await flow(tunnel, app.address().port)
  await opened
  stream.sendDatagram(Buffer.from('anyone?'))
  await once(app, 'message')
  assert.deepEqual(reachOf(tunnel), [])
  answers = true
  stream.sendDatagram(Buffer.from('anyone?'))
  await next()
  assert.deepEqual(reachOf(tunnel), [['udp', true, undefined]])
})

function reachOf({ told }: TunnelFixture) {
  return told.flatMap((one) => (one.type === 'reach' ? [[one.protocol, one.ok, one.fault?.code]] : []))
}

test('a UDP flow whose first address refuses goes on to the next, and loses nothing', async (t) => {
  const echo = dgram.createSocket('udp4')
  echo.bind(0, '127.0.0.3')
  await once(echo, 'listening')
  t.after(() => echo.close())
  const { port } = echo.address()
  echo.on('message', (datagram, from) => echo.send(datagram, from.port, from.address))
  const lookup = async () => ['127.0.0.2', '127.0.0.3'].map((address) => ({ address }))
  await using tunnel = await openTunnel({ lookup })
  const { stream, opened, next } = await flow(tunnel, port)
  await opened
  stream.sendDatagram(Buffer.from('first'))
  // Whether the refusal of 127.0.0.2 is heard by itself or with the next send is the kernel's affair.
  const again = setInterval(() => stream.sendDatagram(Buffer.from('more')), 20)
  t.after(() => clearInterval(again))
  assert.equal((await next()).toString(), 'first')
  clearInterval(again)
})

/** A name with two addresses: at the first nobody answers, at the second everything comes back. */
async function silentBeforeEcho(t: TestContext) {
  const silent = dgram.createSocket('udp4')
  silent.bind(0, '127.0.0.2')
  await once(silent, 'listening')
  const { port } = silent.address()
  const echo = dgram.createSocket('udp4')
  echo.bind(port, '127.0.0.3')
  await once(echo, 'listening')
  t.after(() => {
    silent.close()
    echo.close()
  })
  echo.on('message', (datagram, from) => echo.send(datagram, from.port, from.address))
  const lookup = async () => ['127.0.0.2', '127.0.0.3'].map((address) => ({ address }))
  return { port, lookup }
}

test('a UDP flow whose first address is silent goes on to the next when the program repeats itself', async (t) => {
  const { port, lookup } = await silentBeforeEcho(t)
  await using tunnel = await openTunnel({ lookup })
  const { stream, opened, next } = await flow(tunnel, port)
  assert.equal((await opened).address, '127.0.0.2')
  const again = setInterval(() => stream.sendDatagram(Buffer.from('anyone?')), 100)
  t.after(() => clearInterval(again))
  assert.equal((await next()).toString(), 'anyone?')
  clearInterval(again)
})

test('a program that repeats itself twice in one turn goes on to the next address, and its session lives', async (t) => {
  const { port, lookup } = await silentBeforeEcho(t)
  await using tunnel = await openTunnel({ lookup })
  const { stream, opened, next, closed } = await flow(tunnel, port)
  await opened
  // As a resolver does that asks for A and AAAA.
  const both = () => ['A', 'AAAA'].map((question) => stream.sendDatagram(Buffer.from(question)))
  const again = setInterval(both, 100)
  t.after(() => clearInterval(again))
  const heard = await Promise.race([next(), closed])
  assert.deepEqual(heard, Buffer.from('A'))
  assert.equal((await next()).toString(), 'AAAA')
})

test('a UDP flow that is idle ends in good order, and its socket with it', async (t) => {
  const application = await bound(t)
  await using tunnel = await openTunnel({ lookup: LOCAL, udpIdleMs: 50 })
  const { closed } = await flow(tunnel, application.address().port)
  assert.equal((await closed).reason, 'done')
  await tunnel.client.ping()
  assert.equal(tunnel.services.active.count, 0)
  const sockets = process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap')
  assert.equal(sockets.length, 1, 'the one of the application')
})

test('what is kept for a flow that does not run yet is bounded in bytes', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far } = await tunnel.stream({ protocol: 'udp' })
  const early = holdEarly(far)
  const longest = Buffer.alloc(65_507)
  for (let sent = 0; sent < 5; sent++) near.sendDatagram(longest)
  while (far.bytesIn < 5 * longest.length) await new Promise(setImmediate)
  assert.deepEqual(early, [longest])
})
