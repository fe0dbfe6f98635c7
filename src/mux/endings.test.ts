import assert from 'node:assert/strict'
import { once } from 'node:events'
import type net from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { encodeFrame, FrameType } from '../wire/frame.ts'
import { encodeOpen } from '../wire/open.ts'
import { cutSocket } from './cut-socket.ts'
import { Mux } from './mux.ts'
import { OPEN, OPENED, pattern, readAll, readBytes, socketPair, TunnelPair, tlsPair } from './pair.fixture.ts'
import { takeSlab } from './slab.ts'
import type { MuxStream } from './stream.ts'

const turn = () => new Promise(setImmediate)

/** Everything that comes until the socket closes, and whether it ended or broke. */
async function heard(socket: net.Socket): Promise<{ bytes: Buffer; how: string }> {
  const chunks: Buffer[] = []
  let how = 'closed'
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.once('end', () => {
    how = 'end'
  })
  socket.once('error', (error: NodeJS.ErrnoException) => {
    how = error.code ?? error.message
  })
  const over = Promise.race([once(socket, 'close'), once(socket, 'end')])
  socket.resume()
  await over.catch(() => once(socket, 'close'))
  return { bytes: Buffer.concat(chunks), how }
}

/** An application that has said everything, and FIN, to a program that does not read: some of it waits in node. */
async function waiting(tunnel: TunnelPair) {
  const { near, far } = await tunnel.stream()
  const [user, local] = await socketPair()
  const [app, remote] = await socketPair()
  near.attach(local)
  far.accept(OPENED)
  far.attach(remote)
  user.end()
  app.resume()
  while (local.writableLength === 0) {
    if (app.writableLength === 0) app.write(pattern(16_384))
    await turn()
  }
  app.end('the last word')
  while (!local.writableEnded) await turn()
  return { near, far, user, local }
}

const CUTS: { name: string; cut: (tunnel: TunnelPair, near: MuxStream) => void; reason: string }[] = [
  {
    name: 'the tunnel is lost',
    cut: (tunnel) => tunnel.connector.close('TUNNEL_LOST', 'killed'),
    reason: 'TUNNEL_LOST',
  },
  {
    name: 'its grant is revoked',
    cut: (_, near) => near.reset('GRANT_REVOKED', 'test'),
    reason: 'GRANT_REVOKED',
  },
  {
    name: 'the connector stops at the end of its drain',
    cut: (tunnel) => {
      tunnel.connector.goaway('CONNECTOR_DRAINING', 'it is stopping')
      tunnel.connector.close('CONNECTOR_DRAINING', 'it has stopped')
    },
    reason: 'CONNECTOR_DRAINING',
  },
]
for (const { name, cut, reason } of CUTS) {
  test(`a program that is behind sees a break, and no record says done, when ${name}`, async () => {
    await using tunnel = await TunnelPair.open()
    const { near, far, user } = await waiting(tunnel)
    cut(tunnel, near)
    assert.deepEqual([(await near.ended).reason, (await far.ended).reason], [reason, reason])
    assert.equal((await heard(user)).how, 'ECONNRESET')
  })
}

test('a session is done when the last byte was taken at the other side, and not before', async () => {
  await using tunnel = await TunnelPair.open()
  const { near, far, user, local } = await waiting(tunnel)
  await tunnel.connector.ping()
  await tunnel.client.ping()
  assert.deepEqual([tunnel.client.streams, tunnel.connector.streams], [1, 1], 'it waits for its reader')
  assert.ok(local.writableLength > 0)
  assert.equal((await heard(user)).how, 'end')
  assert.deepEqual([(await near.ended).reason, (await far.ended).reason], ['done', 'done'])
})

for (const side of ['application', 'program'] as const) {
  test(`what the ${side} said before its reset is heard before it`, async () => {
    await using tunnel = await TunnelPair.open()
    const { near, far, user, app } = await tunnel.session()
    const [one, other, sender] = side === 'application' ? [app, user, far] : [user, app, near]
    other.pause()
    one.write(pattern(100_000))
    while (sender.bytesOut < 100_000) await turn()
    one.resetAndDestroy()
    const { bytes, how } = await heard(other)
    assert.ok(bytes.equals(pattern(100_000)), `${bytes.length} bytes`)
    assert.equal(how, 'ECONNRESET')
    const code = side === 'application' ? 'APP_RESET' : 'CLIENT_RESET'
    assert.deepEqual([(await near.ended).reason, (await far.ended).reason], [code, code])
  })

  test(`the ${side} that answers early and closes is heard, though the other side never stops sending`, async () => {
    await using tunnel = await TunnelPair.open()
    const { user, app } = await tunnel.session()
    const [one, other] = side === 'application' ? [app, user] : [user, app]
    const upload = () => {
      while (!other.destroyed && other.write(pattern(65_536)));
    }
    other.on('drain', upload)
    upload()
    await once(one.pause(), 'readable')
    // Closed with bytes unread: the kernel sends RST behind the answer.
    one.write(pattern(50_000), () => one.destroy())
    const { bytes } = await heard(other)
    assert.ok(bytes.equals(pattern(50_000)), `${bytes.length} bytes`)
  })
}

for (const side of ['application', 'program'] as const) {
  test(`a reset of the ${side} in one packet with data is a reset, also when the other side has ended`, async () => {
    await using tunnel = await TunnelPair.open()
    for (const half of [false, true]) {
      const { near, far, user, app } = await tunnel.session()
      const [one, other] = side === 'application' ? [app, user] : [user, app]
      if (half) {
        other.end()
        await readAll(one)
      }
      // Data and RST are both there when the loop looks again.
      one.write('half an answer')
      one.resetAndDestroy()
      const { bytes } = await heard(other)
      assert.equal(bytes.toString(), 'half an answer')
      const code = side === 'application' ? 'APP_RESET' : 'CLIENT_RESET'
      assert.deepEqual([(await near.ended).reason, (await far.ended).reason], [code, code], `half: ${half}`)
    }
  })
}

test('what an application sends after its session was reset lands in no memory of others', async () => {
  for (let sessions = 0; sessions < 10; sessions++) {
    await using tunnel = await TunnelPair.open()
    const { near, far } = await tunnel.stream()
    const [user, local] = await socketPair()
    const [app, remote] = await socketPair()
    near.attach(local)
    far.accept(OPENED)
    far.attach(remote)
    const download = () => {
      while (!app.destroyed && app.write(Buffer.alloc(65_536, 'x')));
    }
    app.on('drain', download)
    download()
    user.resume()
    while (remote.writableLength === 0) {
      if (user.writableLength === 0) user.write(Buffer.alloc(65_536, 'y'))
      await turn()
    }
    near.reset('CLIENT_RESET', 'test')
    await far.ended
    const others = Array.from({ length: 64 }, () => takeSlab())
    for (const { bytes } of others) bytes.fill(0)
    for (let turns = 0; turns < 100; turns++) await turn()
    for (const slab of others) {
      assert.ok(!slab.bytes.includes('x'), 'bytes of one session in the memory of another')
      slab.letGo()
    }
    for (const socket of [user, app, remote]) socket.destroy()
  }
})

test('a direction that has ended leaves the other alone as long as something moves in it, and not for ever', async () => {
  await using tunnel = await TunnelPair.open({ connector: { halfClosedMs: 400 } })
  const quiet = await tunnel.session()
  const silent = await tunnel.session()
  const busy = await tunnel.session()
  quiet.user.end() // and the application never ends its side
  silent.app.end() // and the program never does
  busy.user.end()
  const beat = setInterval(() => busy.app.write('.'), 20)
  assert.equal((await heard(quiet.user)).how, 'ECONNRESET')
  assert.equal((await quiet.near.ended).reason, 'APP_LEFT_OPEN')
  assert.equal((await silent.near.ended).reason, 'CLIENT_LEFT_OPEN')
  clearInterval(beat)
  busy.app.end()
  assert.equal((await heard(busy.user)).how, 'end')
  assert.equal((await busy.near.ended).reason, 'done')
})

test('what throws in the code of one session ends that session, at either end, and no other', async () => {
  const broken = () => {
    throw new TypeError('a defect')
  }
  await using tunnel = await TunnelPair.open({ connector: { onGrant: broken, onGoaway: broken } })
  const other = await tunnel.session()
  tunnel.client.sendGrant('a.b.c')

  const opened = await tunnel.stream()
  const [, local] = await socketPair()
  opened.near.attach(local)
  opened.far.guard(broken)
  assert.deepEqual(
    [(await opened.near.ended).reason, (await opened.far.ended).reason],
    ['INTERNAL', 'INTERNAL'],
  )

  const datagram = await tunnel.stream({ protocol: 'udp' })
  datagram.far.onDatagram = broken
  datagram.near.sendDatagram(Buffer.from('x'))
  assert.equal((await datagram.near.ended).reason, 'INTERNAL')

  const written = await tunnel.stream()
  written.far.attach(new Duplex({ read() {}, write: broken }))
  const [user, end] = await socketPair()
  written.near.attach(end)
  user.write('x')
  assert.equal((await written.near.ended).reason, 'INTERNAL')

  tunnel.client.goaway('CLIENT_STOPPED', 'test')
  other.user.write('still here')
  assert.equal((await readBytes(other.app, 10)).toString(), 'still here')
})

test('after a tunnel has closed in the middle of a record, the OPENs in the rest of it open nothing', async () => {
  const { client, connector } = await tlsPair()
  const opened: number[] = []
  const mux = new Mux(connector, {
    role: 'connector',
    onOpen: (stream) => {
      opened.push(stream.id)
      mux.close('TUNNEL_LOST', 'test')
    },
  })
  const open = (id: number) => encodeFrame(FrameType.OPEN, id, encodeOpen(OPEN))
  client.on('data', () => {})
  client.write(Buffer.concat([open(1), open(2), open(3)]))
  await once(client, 'end')
  client.destroy()
  assert.deepEqual(opened, [1])
  assert.equal(mux.streams, 0)
})

test('TAKEN for a FIN that was never sent ends the tunnel with PROTOCOL_ERROR', async () => {
  const { client, connector } = await tlsPair()
  const closed = Promise.withResolvers<unknown>()
  new Mux(connector, {
    role: 'connector',
    onOpen: (stream) => stream.accept(OPENED),
    onClose: closed.resolve,
  })
  client.on('data', () => {})
  client.write(
    Buffer.concat([encodeFrame(FrameType.OPEN, 1, encodeOpen(OPEN)), encodeFrame(FrameType.TAKEN, 1)]),
  )
  assert.equal(((await closed.promise) as { code: string }).code, 'PROTOCOL_ERROR')
  await readAll(client as unknown as net.Socket)
})

test('a cut in the middle of a shutdown that the peer never lets end is a cut all the same', async () => {
  const [peer, socket] = await socketPair()
  // As outer TLS does whose last word has no room in the kernel, because the peer reads nothing.
  const outer = new Duplex({ final() {} })
  outer.end()
  await turn()
  assert.deepEqual([outer.writableLength, outer.writableFinished], [0, false])
  cutSocket(socket, outer)
  await new Promise((resolve) => socket.once('close', resolve))
  peer.destroy()
})
