import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { listenHere } from '../../src/link/dial/listen.fixture.ts'
import { readExactly } from '../../src/link/dial/read-exactly.ts'
import { TestTenant } from '../../src/link/dial/tenant.fixture.ts'
import { bringHalf } from '../../src/link/pipe/handover.ts'
import { tunnelAsClient } from '../../src/link/pipe/secure-tunnel.ts'
import type { PipeTicket } from '../../src/wire/control.ts'
import { openTestEdge, openTunnel, type TestEdge } from './fixture.ts'

const signal = new AbortController().signal

function bring(t: TestEdge, ticket: PipeTicket, side: 'client' | 'connector') {
  return bringHalf(ticket, { egress: DIRECT, credentials: t[side], signal })
}

/** Gone at the other end: a reset, or, when a write has met the reset first, an end without one. */
function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve()
    socket.once('end', () => socket.destroy())
    socket.resume().once('close', () => resolve())
  })
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}

test('two halves become one pipe, whichever comes first, and its end is counted', async () => {
  await using t = await openTestEdge()
  const { client, connector } = await openTunnel(t)
  assert.equal(t.edge.stats().pipes, 1)
  client.socket.end('question')
  assert.equal(String(await readExactly(connector.socket, 8, signal)), 'question')
  connector.socket.resume()
  await once(connector.socket, 'end')
  connector.socket.end('answer')
  assert.equal(String(await readExactly(client.socket, 6, signal)), 'answer')
  client.socket.resume()
  await until(() => t.edge.stats().connections === 0)
  assert.deepEqual(t.edge.stats(), {
    connections: 0,
    handshaking: 0,
    waiting: 0,
    pipes: 0,
    relayed: 0,
    refused: {},
    draining: false,
  })

  const tickets = await t.tenant.pipe(t.address, t.client, t.connector)
  const far = await bring(t, tickets.connector, 'connector')
  await until(() => t.edge.stats().waiting === 1)
  const near = await bring(t, tickets.client, 'client')
  await until(() => t.edge.stats().pipes === 1)
  far.socket.write('first')
  assert.equal(String(await readExactly(near.socket, 5, signal)), 'first')
  near.socket.resetAndDestroy()
  await closed(far.socket)
})

test('megabytes sent before the other half is there arrive whole, in both directions', async () => {
  await using t = await openTestEdge()
  const tickets = await t.tenant.pipe(t.address, t.client, t.connector)
  const near = await bring(t, tickets.client, 'client')
  const up = randomBytes(4 << 20)
  near.socket.write(up)
  await until(() => t.edge.stats().waiting === 1)
  const far = await bring(t, tickets.connector, 'connector')
  const down = randomBytes(4 << 20)
  far.socket.write(down)
  const [gotUp, gotDown] = await Promise.all([
    readExactly(far.socket, up.length, signal),
    readExactly(near.socket, down.length, signal),
  ])
  assert.ok(gotUp.equals(up) && gotDown.equals(down))
  near.socket.resetAndDestroy()
  await closed(far.socket)
})

test('a connector can bring both halves to itself: the canary', async () => {
  await using t = await openTestEdge()
  const itself = { ...t, client: t.connector }
  const { client, connector } = await openTunnel(itself)
  client.socket.write('tweet')
  assert.equal(String(await readExactly(connector.socket, 5, signal)), 'tweet')
  client.socket.destroy()
  connector.socket.destroy()
})

test('a ticket is used once, also after its pipe has ended', async () => {
  await using t = await openTestEdge()
  const tickets = await t.tenant.pipe(t.address, t.client, t.connector)
  const { client, connector } = await openTunnel(t, tickets)
  await assert.rejects(bring(t, tickets.client, 'client'), { code: 'TICKET_INVALID' })
  client.socket.destroy()
  connector.socket.destroy()
  await until(() => t.edge.stats().pipes === 0)
  await assert.rejects(bring(t, tickets.client, 'client'), { code: 'TICKET_INVALID' })
  assert.deepEqual(t.edge.stats().refused, { TICKET_INVALID: 2 })
})

test('a ticket from before a restart of the edge is refused, used or not; a new one is taken', async () => {
  const tenant = await TestTenant.create()
  const first = await openTestEdge({ tenant })
  const { address, client, connector } = first
  const used = await tenant.pipe(address, client, connector)
  const ends = await openTunnel(first, used)
  const unused = await tenant.pipe(address, client, connector, { expiresMs: Date.now() + 29_999 })
  for (const { socket } of [ends.client, ends.connector]) socket.destroy()
  await first[Symbol.asyncDispose]()
  await using second = await openTestEdge({ tenant })
  const again = { ...second, client, connector }
  const there = ({ edge, ...ticket }: PipeTicket) => ({
    ...ticket,
    edge: { ...edge, port: second.address.port },
  })
  await assert.rejects(bring(again, there(used.client), 'client'), { code: 'TICKET_INVALID' })
  await assert.rejects(bring(again, there(used.connector), 'connector'), { code: 'TICKET_INVALID' })
  await assert.rejects(bring(again, there(unused.client), 'client'), { code: 'TICKET_INVALID' })
  const fresh = await openTunnel(again)
  for (const { socket } of [fresh.client, fresh.connector]) socket.destroy()
})

test('halves that were not meant for each other, or the same half twice, do not meet', async () => {
  await using t = await openTestEdge()
  const other = { ...t.connector, identity: { ...t.connector.identity, id: 'con_2' } }
  const mine = await t.tenant.pipe(t.address, t.client, t.connector, { pipe: 'pip_1' })
  const theirs = await t.tenant.pipe(t.address, t.client, other, { pipe: 'pip_1' })
  const far = await bring(t, mine.connector, 'connector')
  await assert.rejects(bring(t, theirs.client, 'client'), { code: 'TICKET_INVALID' })
  const twice = await t.tenant.pipe(t.address, t.client, t.connector, { pipe: 'pip_1' })
  await assert.rejects(bring(t, twice.connector, 'connector'), { code: 'TICKET_INVALID' })
  const near = await bring(t, mine.client, 'client')
  near.socket.write('ok')
  assert.equal(String(await readExactly(far.socket, 2, signal)), 'ok')
  near.socket.resetAndDestroy()
  await closed(far.socket)
})

test('a half alone is closed when the other does not come, and that is counted', async () => {
  await using t = await openTestEdge({ limits: { pairMs: 100 } })
  const tickets = await t.tenant.pipe(t.address, t.client, t.connector)
  const near = await bring(t, tickets.client, 'client')
  const tunnel = tunnelAsClient(near.socket, { credentials: t.client, peer: tickets.client.peer, signal })
  await assert.rejects(tunnel, { code: 'TUNNEL_LOST' })
  assert.deepEqual(t.edge.stats().refused, { PAIR_TIMEOUT: 1 })
  assert.equal(t.edge.stats().waiting, 0)
})

test('a half that goes while it waits makes room', async () => {
  await using t = await openTestEdge()
  const tickets = await t.tenant.pipe(t.address, t.client, t.connector)
  const near = await bring(t, tickets.client, 'client')
  await until(() => t.edge.stats().waiting === 1)
  near.socket.resetAndDestroy()
  await until(() => t.edge.stats().waiting === 0)
})

test('a drain lets live pipes end by themselves, takes the second half of a pipe, and no new one', async () => {
  await using t = await openTestEdge()
  const begun = await t.tenant.pipe(t.address, t.client, t.connector)
  const far = await bring(t, begun.connector, 'connector')
  await until(() => t.edge.stats().waiting === 1)
  const drained = t.edge.drain(60_000)
  const fresh = await t.tenant.pipe(t.address, t.client, t.connector)
  await assert.rejects(bring(t, fresh.client, 'client'), { code: 'EDGE_DRAINING' })
  const near = await bring(t, begun.client, 'client')
  near.socket.write('still here')
  assert.equal(String(await readExactly(far.socket, 10, signal)), 'still here')
  far.socket.resume()
  near.socket.end()
  await once(far.socket, 'end')
  far.socket.end()
  near.socket.resume()
  await drained
  assert.equal(t.edge.stats().draining, true)
})

test('at the end of a drain what is left is closed', async () => {
  await using t = await openTestEdge()
  const { client, connector } = await openTunnel(t)
  await t.edge.drain(50)
  await Promise.all([closed(client.socket), closed(connector.socket)])
  assert.equal(t.edge.stats().pipes, 0)
})

test('revocation refuses new halves and cuts live pipes, at both ends', async () => {
  await using t = await openTestEdge()
  const { client, connector } = await openTunnel(t)
  const serial = connector.peer.serial
  t.revoked.add(serial)
  assert.equal(
    t.edge.revoke((peer) => peer.serial === serial),
    1,
  )
  await Promise.all([closed(client.socket), closed(connector.socket)])
  const again = await t.tenant.pipe(t.address, t.client, t.connector)
  await assert.rejects(bring(t, again.client, 'client'), { code: 'IDENTITY_REVOKED' })
})

test('closing the edge closes everything it carries', async () => {
  const t = await openTestEdge()
  const { client, connector } = await openTunnel(t)
  const gone = Promise.all([closed(client.socket), closed(connector.socket)])
  await t[Symbol.asyncDispose]()
  await gone
})

test('what passes the edge holds neither the plaintext nor a key: TLS 1.3 in both directions, and no byte of the secret', async () => {
  await using t = await openTestEdge()
  // Both agents reach the edge through a wire tap, which sees all that the edge sees.
  const tapes = { client: new Tape(), connector: new Tape() }
  const sockets: net.Socket[] = []
  const tap = (tape: Tape) =>
    listenHere((down) => {
      const up = net
        .connect({ port: t.edge.port, host: '127.0.0.1', allowHalfOpen: true })
        .on('error', () => {})
      sockets.push(up)
      down.on('data', (chunk: Buffer) => {
        tape.sent.push(chunk)
        up.write(chunk)
      })
      up.on('data', (chunk: Buffer) => {
        tape.received.push(chunk)
        down.write(chunk)
      })
      down.on('end', () => up.end())
      up.on('end', () => down.end())
      down.resume()
    })
  await using clientTap = await tap(tapes.client)
  await using connectorTap = await tap(tapes.connector)
  const tickets = await t.tenant.pipe(t.address, t.client, t.connector)
  const via = (ticket: PipeTicket, { port }: { port: number }) => ({
    ...ticket,
    edge: { ...ticket.edge, port },
  })
  const { client, connector } = await openTunnel(t, {
    client: via(tickets.client, clientTap),
    connector: via(tickets.connector, connectorTap),
  })
  const secret = Buffer.from('the secret that only the two ends may know, said both ways')
  client.socket.write(secret)
  connector.socket.write(secret)
  for (const { socket } of [client, connector]) {
    assert.deepEqual(await readExactly(socket, secret.length, signal), secret)
  }
  const exported = client.socket.exportKeyingMaterial(32, 'test', Buffer.alloc(0))
  assert.deepEqual(connector.socket.exportKeyingMaterial(32, 'test', Buffer.alloc(0)), exported)
  client.socket.destroy()
  connector.socket.destroy()
  for (const socket of sockets) await closed(socket)

  for (const { sent, received } of Object.values(tapes)) {
    const seen = Buffer.concat([...sent, ...received])
    assert.ok(seen.length > 1000, 'the tap saw the connection')
    for (const hidden of [secret, exported, Buffer.from(tickets.client.ticket), Buffer.from('con_1')]) {
      assert.equal(seen.indexOf(hidden), -1)
    }
  }
  // What the edge forwarded is what the tap of the one sent after its ACK and the tap of the other received.
  const sent = Buffer.concat(tapes.client.sent)
  const received = Buffer.concat(tapes.connector.received)
  const inner = sent.indexOf(Buffer.from([0x06, 22, 3, 1]))
  assert.ok(inner > 0, 'the end-to-end ClientHello follows the ACK, raw')
  assert.ok(received.includes(sent.subarray(inner + 1)), 'and arrives at the other end unchanged')
})

class Tape {
  readonly sent: Buffer[] = []
  readonly received: Buffer[] = []
}

test('a half that comes by another shard than its ticket names is refused, whatever it names', async () => {
  await using t = await openTestEdge()
  const tickets = await t.tenant.pipe(t.address, t.client, t.connector, { shard: 7 })
  for (const shard of [8, undefined]) {
    await assert.rejects(bring(t, { ...tickets.client, shard }, 'client'), { code: 'TICKET_INVALID' })
  }
  const { client, connector } = await openTunnel(t, tickets)
  const old = await t.tenant.pipe(t.address, t.client, t.connector)
  await assert.rejects(bring(t, { ...old.client, shard: 7 }, 'client'), { code: 'TICKET_INVALID' })
  const unsharded = await openTunnel(t, old)
  for (const { socket } of [client, connector, unsharded.client, unsharded.connector]) socket.destroy()
})
