import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { OPENED, pattern, readAll, readBytes, socketPair, TunnelPair } from './pair.fixture.ts'

test('bytes of any length and cut arrive as they were sent, both ways', async () => {
  await using tunnel = await TunnelPair.open()
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 8 }),
      async (up, down) => {
        const { user, app, closed } = await tunnel.session()
        const sent = { up: up.map(pattern), down: down.map(pattern) }
        for (const chunk of sent.up) user.write(chunk)
        for (const chunk of sent.down) app.write(chunk)
        user.end()
        app.end()
        const [atApp, atUser] = await Promise.all([readAll(app), readAll(user)])
        assert.ok(atApp.equals(Buffer.concat(sent.up)))
        assert.ok(atUser.equals(Buffer.concat(sent.down)))
        const { reason, bytesIn, bytesOut } = await closed
        assert.deepEqual(
          { reason, bytesIn, bytesOut },
          { reason: 'done', bytesIn: atUser.length, bytesOut: atApp.length },
        )
      },
    ),
    { numRuns: 25 },
  )
})

test('40 MB go through while the windows grow and shrink', async () => {
  await using tunnel = await TunnelPair.open()
  const { user, app } = await tunnel.session()
  const block = pattern(1_000_003)
  const sent = (async () => {
    for (let i = 0; i < 40; i++) if (!user.write(block)) await once(user, 'drain')
    user.end()
  })()
  let at = 0
  app.on('data', (chunk: Buffer) => {
    for (let done = 0; done < chunk.length; ) {
      const from = at % block.length
      const length = Math.min(chunk.length - done, block.length - from)
      assert.ok(chunk.compare(block, from, from + length, done, done + length) === 0, `differs at ${at}`)
      done += length
      at += length
    }
  })
  await Promise.all([sent, once(app, 'end')])
  assert.equal(at, 40 * block.length)
})

for (const first of ['user', 'app'] as const) {
  test(`half-close: after FIN of the ${first} the other side can still send`, async () => {
    await using tunnel = await TunnelPair.open()
    const session = await tunnel.session()
    const [one, other] = first === 'user' ? [session.user, session.app] : [session.app, session.user]
    one.end('the end')
    assert.equal((await readAll(other)).toString(), 'the end')
    other.end(pattern(300_000))
    assert.ok((await readAll(one)).equals(pattern(300_000)))
    const [near, far] = await Promise.all([session.near.ended, session.far.ended])
    assert.equal(near.reason, 'done')
    assert.equal(near.by, first === 'user' ? 'local' : 'remote')
    assert.equal(far.by, first === 'user' ? 'remote' : 'local')
    assert.equal(tunnel.client.streams + tunnel.connector.streams, 0)
  })
}

test('RST of the application reaches the user as RST, with APP_RESET at both ends', async () => {
  await using tunnel = await TunnelPair.open()
  const { user, app, near, far } = await tunnel.session()
  user.write('x')
  await readBytes(app, 1)
  app.resetAndDestroy()
  const [error] = await once(user.resume(), 'error')
  assert.equal(error.code, 'ECONNRESET')
  const ends = await Promise.all([near.ended, far.ended])
  assert.deepEqual(
    ends.map(({ reason, by }) => `${reason} ${by}`),
    ['APP_RESET remote', 'APP_RESET local'],
  )
})

test('RST of the user reaches the application as RST, with CLIENT_RESET at both ends', async () => {
  await using tunnel = await TunnelPair.open()
  const { user, app, near, far } = await tunnel.session()
  user.write('x')
  await readBytes(app, 1)
  user.resetAndDestroy()
  const [error] = await once(app.resume(), 'error')
  assert.equal(error.code, 'ECONNRESET')
  const ends = await Promise.all([near.ended, far.ended])
  assert.deepEqual(
    ends.map(({ reason, by }) => `${reason} ${by}`),
    ['CLIENT_RESET local', 'CLIENT_RESET remote'],
  )
})

test('early data: the client sends before OPENED, up to a window, and the connector keeps it', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far, opened } = await tunnel.stream()
  const [user, local] = await socketPair()
  near.attach(local)
  user.end(pattern(1_000_000))
  await tunnel.client.ping()
  await tunnel.client.ping()
  assert.equal(far.bytesIn <= 262_144, true)
  const [app, remote] = await socketPair()
  far.accept(OPENED)
  far.attach(remote)
  assert.ok((await readAll(app)).equals(pattern(1_000_000)))
  assert.deepEqual(await opened, OPENED)
  assert.equal(near.bytesOut, 1_000_000)
})

test('a refusal of the connector closes the stream with its code and resets the local socket', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far, closed } = await tunnel.stream()
  const [user, local] = await socketPair()
  near.attach(local)
  far.reset('APP_REFUSED', 'nobody listens')
  const [error] = await once(user.resume(), 'error')
  assert.equal(error.code, 'ECONNRESET')
  assert.deepEqual(await closed, {
    reason: 'APP_REFUSED',
    by: 'remote',
    detail: 'nobody listens',
    bytesIn: 0,
    bytesOut: 0,
  })
})

test('what a local socket had read before it was attached is not lost', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far } = await tunnel.stream()
  const [user, local] = await socketPair()
  user.end(pattern(100_000))
  local.resume()
  local.pause()
  await once(local, 'readable')
  local.unshift(Buffer.from('head'))
  near.attach(local)
  const [app, remote] = await socketPair()
  far.attach(remote)
  assert.ok((await readAll(app)).equals(Buffer.concat([Buffer.from('head'), pattern(100_000)])))
})

test('more than a window that a local socket had read is not overtaken by what comes after', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far } = await tunnel.stream()
  const [user, local] = await socketPair()
  local.unshift(pattern(600_000))
  user.end(pattern(300_000, 2))
  near.attach(local)
  await tunnel.client.ping()
  await tunnel.client.ping()
  const [app, remote] = await socketPair()
  far.attach(remote)
  assert.ok((await readAll(app)).equals(Buffer.concat([pattern(600_000), pattern(300_000, 2)])))
})

test('a stream that is no socket (stdio) is carried too', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far } = await tunnel.stream()
  const got: Buffer[] = []
  const ended = Promise.withResolvers<void>()
  const pipe = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      got.push(chunk)
      setImmediate(done)
    },
    final(done) {
      ended.resolve()
      done()
    },
  })
  near.attach(pipe)
  const [app, remote] = await socketPair()
  far.attach(remote)
  pipe.push(pattern(500_000))
  pipe.push(null)
  app.end(pattern(600_000, 2))
  assert.ok((await readAll(app)).equals(pattern(500_000)))
  await ended.promise
  assert.ok(Buffer.concat(got).equals(pattern(600_000, 2)))
  assert.equal((await near.ended).reason, 'done')
})

test('UDP: datagrams keep their borders, both ways, and the end of the flow ends both ends', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far, closed } = await tunnel.stream({ protocol: 'udp' })
  const got: number[] = []
  const all = Promise.withResolvers<void>()
  far.onDatagram = (datagram) => {
    got.push(datagram.length)
    far.sendDatagram(datagram)
  }
  const back: Buffer[] = []
  near.onDatagram = (datagram) => {
    back.push(datagram)
    if (back.length === 4) all.resolve()
  }
  for (const length of [0, 1, 1472, 65_507]) near.sendDatagram(pattern(length))
  await all.promise
  assert.deepEqual(got, [0, 1, 1472, 65_507])
  assert.ok(back[3]!.equals(pattern(65_507)))
  near.end()
  assert.equal((await far.ended).reason, 'done')
  assert.equal((await closed).bytesOut, 66_980)
})

test('10 000 streams open, carry a byte each way and end, and nothing is left of them', async () => {
  const max = { maxStreams: 10_000 }
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  listener.close()
  const answered = Promise.withResolvers<void>()
  let done = 0
  await using tunnel = await TunnelPair.open({
    client: max,
    connector: {
      ...max,
      onOpen(stream) {
        stream.onDatagram = (datagram) => stream.sendDatagram(datagram)
        stream.accept(OPENED)
      },
    },
  })
  for (let i = 0; i < 10_000; i++) {
    const stream = tunnel.client.open(
      { session: `ses_${'0'.repeat(26)}`, grant: '0'.repeat(32), protocol: 'udp', host: 'h', port: 1 },
      {
        opened() {
          stream.onDatagram = () => stream.end()
          stream.sendDatagram(Buffer.from('x'))
        },
        closed() {
          if (++done === 10_000) answered.resolve()
        },
      },
    )
  }
  assert.throws(() => tunnel.client.open({ ...tunnelOpen }, { opened() {}, closed() {} }), {
    code: 'TOO_MANY_STREAMS',
  })
  await answered.promise
  await tunnel.client.ping()
  assert.equal(tunnel.client.streams, 0)
  assert.equal(tunnel.connector.streams, 0)
  assert.ok(tunnel.client.queuedBytes < 100) // a PING or PONG may be on its way out
})
const tunnelOpen = {
  session: `ses_${'0'.repeat(26)}`,
  grant: '0'.repeat(32),
  protocol: 'udp',
  host: 'h',
  port: 1,
} as const
