import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openTunnel, type TunnelFixture } from '../tunnels/tunnel.fixture.ts'

const LOCAL = async () => [{ address: '127.0.0.1' }]

async function application(t: TestContext, talk: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => talk(socket.on('error', () => {})))
  t.after(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as net.AddressInfo).port
}

async function localPair(t: TestContext): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const near = net.connect({ port, allowHalfOpen: true })
  const [far] = (await once(server, 'connection')) as [net.Socket]
  near.on('error', () => {})
  t.after(() => server.close())
  return [near, far]
}

/** As the timer of a worker does. */
function tellFigures({ apart, teller }: TunnelFixture): void {
  teller.tellAll()
  apart.moved(teller.figures().moved)
}

test('a session that another process carries is on record as one of this process is', async (t) => {
  const port = await application(t, (socket) => void socket.pipe(socket))
  for (const apart of [false, true]) {
    await using tunnel = await openTunnel({ lookup: LOCAL, apart })
    const session = tunnel.open(await tunnel.grant(), { port })
    const [user, local] = await localPair(t)
    session.stream.attach(local)
    user.end('hello')
    assert.equal(await text(user), 'hello')
    const record = await tunnel.record(session.session)
    const { side, state, closeReason, closeHop, bytesUp, bytesDown, address, protocol } = record
    assert.deepEqual(
      { side, state, closeReason, closeHop, bytesUp, bytesDown, address, protocol, port: record.port },
      {
        ...{
          side: 'connector',
          state: 'closed',
          closeReason: 'done',
          closeHop: 'client',
          bytesUp: 5,
          bytesDown: 5,
        },
        ...{ address: '127.0.0.1', protocol: 'tcp', port },
      },
    )
    assert.ok(
      record.times.dnsUs !== undefined && record.times.connectUs! > 0 && record.endedMs! >= record.startedMs,
    )
    assert.equal(tunnel.reports().filter(({ session: id }) => id === session.session).length, 1)
    assert.deepEqual([tunnel.ledger.open.count, tunnel.ledger.totals.bytesUp], [0, 5])
  }
})

test('an application that another process does not reach fails here, with its fault', async () => {
  await using tunnel = await openTunnel({ lookup: LOCAL, apart: true })
  const session = tunnel.open(await tunnel.grant(), { port: 1 })
  assert.equal((await session.closed).reason, 'APP_REFUSED')
  assert.equal((await tunnel.record(session.session)).closeReason, 'APP_REFUSED')
  assert.equal(tunnel.reach.failures[0]?.fault.code, 'APP_REFUSED')
})

test('when a process ends, its sessions end on record with what was last known of them', async (t) => {
  const port = await application(t, (socket) => void socket.pipe(socket))
  await using tunnel = await openTunnel({ lookup: LOCAL, apart: true })
  const jws = await tunnel.grant()
  const session = tunnel.open(jws, { port })
  const [user, local] = await localPair(t)
  session.stream.attach(local)
  user.write('known')
  await once(user, 'data')
  tellFigures(tunnel)
  assert.equal(tunnel.apart.count, 1)
  assert.equal(tunnel.ledger.open.bySegment()[0]?.sessions, 1)
  assert.equal(tunnel.apart.lost({ reason: 'TUNNEL_LOST', detail: 'last known' }), 1)
  const record = await tunnel.record(session.session)
  const { closeReason, closeDetail, bytesUp, bytesDown } = record
  assert.deepEqual([closeReason, closeDetail, bytesUp, bytesDown], ['TUNNEL_LOST', 'last known', 5, 5])
  // What it still says of them changes nothing.
  session.stream.reset('CLIENT_RESET', '')
  await session.closed
  await tunnel.client.ping()
  tellFigures(tunnel)
  assert.equal(tunnel.reports().filter(({ state }) => state === 'closed').length, 1)
})

test('what moves before the other process has heard of the session is told with the next figures', async (t) => {
  const port = await application(t, (socket) => void socket.pipe(socket))
  await using tunnel = await openTunnel({ lookup: LOCAL, apart: true })
  const session = tunnel.open(await tunnel.grant(), { port })
  const [user, local] = await localPair(t)
  session.stream.attach(local)
  user.write('early')
  await once(user, 'data')
  tunnel.apart.moved(tunnel.teller.figures().moved) // its timer comes before the batch that tells of the session
  tunnel.teller.tellAll()
  tunnel.apart.moved(tunnel.teller.figures().moved)
  assert.equal(tunnel.apart.lost({ reason: 'TUNNEL_LOST', detail: '' }), 1)
  const { bytesUp, bytesDown } = await tunnel.record(session.session)
  assert.deepEqual([bytesUp, bytesDown], [5, 5])
})

test('what is revoked in a process that does not answer is over, and the rest is not', async (t) => {
  const port = await application(t, (socket) => void socket.pipe(socket))
  await using tunnel = await openTunnel({ lookup: LOCAL, apart: true })
  const id = 'grt_01hzy5e3ck0000000000000000'
  const [revoked, other] = [await tunnel.grant({ id }), await tunnel.grant()]
  const sessions = [revoked, revoked, other].map((jws) => tunnel.open(jws, { port }))
  await Promise.all(sessions.map(({ opened }) => opened))
  tellFigures(tunnel)
  assert.equal(tunnel.apart.lost({ reason: 'GRANT_REVOKED', detail: 'rule deleted' }, [id]), 2)
  assert.equal(tunnel.apart.count, 1)
  assert.equal((await tunnel.record(sessions[0]!.session)).closeReason, 'GRANT_REVOKED')
})

test('thousands of sessions at once are told in batches, and each is on record once', async () => {
  await using tunnel = await openTunnel({ lookup: LOCAL, apart: true })
  const jws = await tunnel.grant()
  const sessions = Array.from({ length: 2000 }, () => tunnel.open(jws, { port: 1 }))
  await Promise.all(sessions.map(({ closed }) => closed))
  while (tunnel.reports().length < 2000) await delay(10)
  assert.equal(new Set(tunnel.reports().map(({ session }) => session)).size, 2000)
})
