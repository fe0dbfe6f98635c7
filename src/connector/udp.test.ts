import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { openTunnel, type TunnelFixture } from './tunnel.fixture.ts'

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
  const record = tunnel.reports().find((report) => report.session === session)
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
