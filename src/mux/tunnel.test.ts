import assert from 'node:assert/strict'
import { once } from 'node:events'
import type net from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { Fault } from '../base/faults.ts'
import { INITIAL_WINDOW } from '../wire/frame.ts'
import { Mux } from './mux.ts'
import { OPEN, OPENED, pattern, readAll, readBytes, socketPair, TunnelPair, tlsPair } from './pair.fixture.ts'

/** Writes `block` again and again until the socket takes no more, then on each 'drain'. */
function flood(socket: net.Socket, block: Buffer): void {
  const write = () => {
    while (!socket.destroyed && socket.write(block));
  }
  socket.on('drain', write)
  write()
}

async function pingPong(user: net.Socket, app: net.Socket, rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    user.write('ping')
    await readBytes(app, 4)
    app.write('pong')
    await readBytes(user, 4)
  }
}

test('a reader that stands still holds one window at most, and the other 99 go on', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far } = await tunnel.stream()
  near.attach(new Duplex({ read() {}, write() {} })) // takes one chunk and never says that it is done
  const [app, remote] = await socketPair()
  far.attach(remote)
  flood(app, pattern(65_536))
  const others = await Promise.all(Array.from({ length: 99 }, () => tunnel.session()))
  await Promise.all(
    others.map(async (other, i) => {
      const bytes = pattern(300_000, i + 1)
      other.app.end(bytes)
      other.user.end()
      assert.ok((await readAll(other.user)).equals(bytes))
    }),
  )
  assert.ok(near.bytesIn > 0 && near.bytesIn <= INITIAL_WINDOW, `${near.bytesIn} bytes came`)
  assert.equal(tunnel.connector.queuedBytes, 0)
  app.destroy()
})

async function pairOf(tunnel: TunnelPair): Promise<[net.Socket, net.Socket]> {
  const { user, app } = await tunnel.session()
  return [user, app]
}

test('when what slow readers leave standing is too much, they are reset and the others are not', async () => {
  await using tunnel = await TunnelPair.open({ client: { maxHeldBytes: 1_000_000 } })
  const healthy = await tunnel.session()
  const slow = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const { near, far } = await tunnel.stream()
      near.attach(new Duplex({ read() {}, write() {} }))
      const [app, remote] = await socketPair()
      app.on('error', () => {})
      far.attach(remote)
      flood(app, pattern(65_536))
      return { near, app }
    }),
  )
  const { reason } = await Promise.any(slow.map(({ near }) => near.ended))
  assert.equal(reason, 'SLOW_READER')
  await pingPong(healthy.user, healthy.app, 20)
  for (const { app } of slow) app.destroy()
})

test('a thousand bytes that come early, one by one, arrive in order', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far } = await tunnel.stream()
  const pipe = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  near.attach(pipe)
  for (let i = 0; i < 1_000; i++) {
    pipe.push(Buffer.from([i & 0xff]))
    if (i % 100 === 0) await tunnel.client.ping()
  }
  pipe.push(null)
  await tunnel.client.ping()
  const [app, remote] = await socketPair()
  far.attach(remote)
  const got = await readAll(app)
  assert.ok(got.equals(Buffer.from(Array.from({ length: 1_000 }, (_, i) => i & 0xff))))
  app.end()
})

test('a local socket is not read while the tunnel is full', async () => {
  const halves: net.Socket[] = []
  await using tunnel = await TunnelPair.open({}, (client, connector) => {
    halves.push(client, connector) // nobody stitches them any more after the handshake
    client.pipe(connector)
    connector.pipe(client)
  })
  const { user } = await tunnel.session()
  for (const half of halves) half.unpipe().pause()
  flood(user, pattern(65_536))
  await once(user, 'timeout', { signal: AbortSignal.timeout(400) }).catch(() => {})
  assert.ok(tunnel.client.queuedBytes <= 700_000, `${tunnel.client.queuedBytes} bytes queued`)
  for (const half of halves) half.destroy()
  assert.equal(((await tunnel.closed.client) as Fault).code, 'TUNNEL_LOST')
})

test('eight bulk streams share a tunnel evenly, with a ping-pong beside them', async () => {
  await using tunnel = await TunnelPair.open()
  const bulk = await Promise.all(Array.from({ length: 8 }, () => tunnel.session()))
  for (const { user, app } of bulk) {
    app.resume()
    flood(user, pattern(65_536))
  }
  const [user, app] = await pairOf(tunnel)
  await pingPong(user, app, 10) // the windows grow
  const start = bulk.map(({ near }) => near.bytesOut)
  await pingPong(user, app, 50)
  const sent = bulk.map(({ near }, i) => near.bytesOut - start[i]!)
  const [least, most] = [Math.min(...sent), Math.max(...sent)]
  assert.ok(least > most / 2, `uneven: ${sent}`)
  for (const { user } of bulk) user.destroy()
})

test('GOAWAY: streams that are open go on, new ones are refused, and the peer hears why', async () => {
  const heard = Promise.withResolvers<unknown>()
  await using tunnel = await TunnelPair.open({ client: { onGoaway: heard.resolve } })
  const { user, app } = await tunnel.session()
  tunnel.connector.goaway('CONNECTOR_DRAINING', 'restart')
  assert.deepEqual(await heard.promise, { code: 'CONNECTOR_DRAINING', detail: 'restart' })
  assert.throws(() => tunnel.client.open(OPEN, { opened() {}, closed() {} }), { code: 'CONNECTOR_DRAINING' })
  await pingPong(user, app, 2)
})

test('a connector over its stream limit resets the stream and keeps the others', async () => {
  await using tunnel = await TunnelPair.open({ connector: { maxStreams: 1 } })
  const { user, app } = await tunnel.session()
  const closed = Promise.withResolvers<{ reason: string }>()
  tunnel.client.open(OPEN, { opened() {}, closed: closed.resolve })
  assert.equal((await closed.promise).reason, 'TOO_MANY_STREAMS')
  await pingPong(user, app, 1)
})

test('GRANT arrives before the OPEN that was sent after it', async () => {
  const order: string[] = []
  await using tunnel = await TunnelPair.open({ connector: { onGrant: (jws) => order.push(jws.slice(0, 5)) } })
  const jws = `grant${'x'.repeat(9_000)}`
  tunnel.client.sendGrant(jws)
  await tunnel.stream()
  assert.deepEqual(order, ['grant'])
  assert.throws(() => tunnel.client.sendGrant('x'.repeat(20_000)), { code: 'PROTOCOL_ERROR' })
})

for (const how of ['destroyed', 'reset', 'ended'] as const) {
  test(`a connection that is ${how} ends every stream with TUNNEL_LOST and resets local sockets`, async () => {
    const halves: net.Socket[] = []
    await using tunnel = await TunnelPair.open({}, (client, connector) => {
      halves.push(client, connector)
      client.pipe(connector)
      connector.pipe(client)
    })
    const sessions = await Promise.all([tunnel.session(), tunnel.session(), tunnel.session()])
    const broken = sessions.map(({ user }) => once(user.resume(), 'error'))
    for (const half of halves) {
      if (how === 'destroyed') half.destroy()
      else if (how === 'reset') half.resetAndDestroy()
      else half.unpipe().end()
    }
    for (const { near, far } of sessions) {
      assert.equal((await near.ended).reason, 'TUNNEL_LOST')
      assert.equal((await far.ended).reason, 'TUNNEL_LOST')
    }
    for (const [error] of await Promise.all(broken)) assert.equal(error.code, 'ECONNRESET')
    assert.equal(((await tunnel.closed.client) as Fault).code, 'TUNNEL_LOST')
    assert.throws(() => tunnel.client.open(OPEN, { opened() {}, closed() {} }), { code: 'TUNNEL_LOST' })
    await assert.rejects(tunnel.client.ping(), { code: 'TUNNEL_LOST' })
  })
}

test('close: both ends learn the code, and it is no fault of the tunnel', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far } = await tunnel.session()
  tunnel.connector.close('GRANT_REVOKED', 'the user was disabled')
  assert.deepEqual(
    (await Promise.all([near.ended, far.ended])).map(({ reason, by, detail }) => `${reason} ${by} ${detail}`),
    ['GRANT_REVOKED remote the user was disabled', 'GRANT_REVOKED local the user was disabled'],
  )
  assert.equal(await tunnel.closed.connector, undefined)
  assert.equal(await tunnel.closed.client, undefined)
})

test('a peer that answers no PING is lost after the deadline', async () => {
  const { client, connector } = await tlsPair()
  const closed = Promise.withResolvers<Fault | undefined>()
  const mux = new Mux(client, { role: 'client', pingTimeoutMs: 50, onClose: closed.resolve })
  connector.resume()
  const lost = await closed.promise
  assert.ok(lost instanceof Fault)
  assert.equal(lost.code, 'TUNNEL_LOST')
  assert.match(lost.detail, /PING/)
  assert.ok(mux.closed)
  connector.destroy()
})

test('no byte that was changed on the way is ever handed on', async () => {
  for (let position = 0; position < 8; position++) {
    let left = 40_000 * position + 17
    let armed = false
    await using tunnel = await TunnelPair.open({}, (client, connector) => {
      connector.pipe(client)
      client.on('data', (chunk: Buffer) => {
        if (armed && left < chunk.length) {
          chunk[left]! ^= 1
          armed = false
        } else if (armed) left -= chunk.length
        connector.write(chunk)
      })
      client.on('close', () => connector.destroy()).resume()
      connector.on('close', () => client.destroy())
    })
    const { user, app, far } = await tunnel.session()
    armed = true
    const sent = pattern(500_000)
    const got: Buffer[] = []
    app.on('data', (chunk: Buffer) => got.push(chunk))
    user.on('error', () => {}).resume()
    user.write(sent)
    const { reason } = await far.ended
    assert.equal(reason, 'TUNNEL_LOST')
    const bytes = Buffer.concat(got)
    assert.ok(bytes.equals(sent.subarray(0, bytes.length)), 'changed bytes were handed on')
  }
})

test('ping measures, and the round trip is known', async () => {
  await using tunnel = await TunnelPair.open()
  const us = await tunnel.client.ping()
  assert.ok(us > 0 && us < 5_000_000)
  assert.ok(tunnel.client.rttUs > 0)
})

test('a session ends by itself when its stream was answered and both sides are done; OPENED times arrive', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far, opened } = await tunnel.stream()
  far.accept({ dnsUs: 12, connectUs: 34, address: '10.1.2.3' })
  assert.deepEqual(await opened, { dnsUs: 12, connectUs: 34, address: '10.1.2.3' })
  const [user, local] = await socketPair()
  const [app, remote] = await socketPair()
  near.attach(local)
  far.attach(remote)
  user.end()
  app.end()
  await Promise.all([readAll(user), readAll(app), near.ended, far.ended])
  assert.deepEqual(OPENED, { dnsUs: 1, connectUs: 2, address: '127.0.0.1' })
})
