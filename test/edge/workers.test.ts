/** An edge with worker processes: halves that name a shard meet there, and what becomes of a worker is nobody else's. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { Registry } from 'prom-client'
import { EDGE_SHARES } from '../../src/base/share-table/edge.ts'
import { EDGE_WORKER } from '../../src/cli/workers/entries.ts'
import { EdgeShares } from '../../src/edge/shares.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { readExactly } from '../../src/link/dial/read-exactly.ts'
import { bringHalf } from '../../src/link/pipe/handover.ts'
import type { PipeTicket } from '../../src/wire/control.ts'
import { openTestEdge, openTunnel, type TestEdge, type TestEdgeOptions } from './fixture.ts'

const signal = new AbortController().signal
const COUNT = 2

const openWithWorkers = (o: TestEdgeOptions = {}) =>
  openTestEdge({ workers: { entry: EDGE_WORKER, count: COUNT }, ...o })

function bring(t: TestEdge, ticket: PipeTicket, side: 'client' | 'connector') {
  return bringHalf(ticket, { egress: DIRECT, credentials: t[side], signal })
}

/** A pipe in this shard, secured end to end. */
async function tunnelIn(t: TestEdge, shard: number) {
  return openTunnel(t, await t.tenant.pipe(t.address, t.client, t.connector, { shard }))
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

function pidOf({ edge }: TestEdge, worker: number): number {
  return edge.stats().workers!.find((one) => one.worker === worker)!.pid!
}

/** Stands still until it is ended, or the test is over. */
function stop(c: TestContext, pid: number): void {
  process.kill(pid, 'SIGSTOP')
  c.after(() => {
    try {
      process.kill(pid, 'SIGCONT')
    } catch {} // it was ended
  })
}

const pipesBy = ({ edge }: TestEdge) => edge.stats().workers!.map(({ pipes }) => pipes)
const descriptors = (pid: number | 'self' = 'self') => readdirSync(`/proc/${pid}/fd`).length

function echoes(from: net.Socket, to: net.Socket): Promise<void> {
  from.write('here')
  return readExactly(to, 4, signal).then((got) => assert.equal(String(got), 'here'))
}

test('both halves of a pipe meet in the worker of its shard; one without a shard stays in the edge', async () => {
  await using t = await openWithWorkers()
  const tunnels = []
  for (const [shard, expected] of [
    [0, [1, 0]],
    [1, [1, 1]],
    [255, [1, 2]],
  ] as const) {
    const tunnel = await tunnelIn(t, shard)
    await echoes(tunnel.client.socket, tunnel.connector.socket)
    await echoes(tunnel.connector.socket, tunnel.client.socket)
    await until(() => String(pipesBy(t)) === String(expected))
    tunnels.push(tunnel)
  }
  const own = await openTunnel(t)
  await echoes(own.client.socket, own.connector.socket)
  assert.deepEqual(pipesBy(t), [1, 2])
  assert.equal(t.edge.stats().pipes, 4)
  assert.equal(t.edge.stats().connections, 8)
  assert.equal(t.edge.stats().handshaking, 0)
  for (const { client, connector } of [...tunnels, own]) {
    client.socket.destroy()
    connector.socket.destroy()
  }
  await until(() => t.edge.stats().connections === 0 && t.edge.stats().pipes === 0)
})

test('its counters are those of the edge, and each worker has its own', async () => {
  const registry = new Registry()
  await using t = await openWithWorkers({ registry })
  const { client, connector } = await tunnelIn(t, 1)
  client.socket.end('up')
  assert.equal(String(await readExactly(connector.socket, 2, signal)), 'up')
  connector.socket.end()
  client.socket.resume()
  connector.socket.resume()
  await until(() => t.edge.stats().pipes === 0 && t.edge.stats().connections === 0)
  await until(() => t.edge.stats().workers!.every(({ cpuSeconds }) => cpuSeconds > 0))
  const text = await registry.metrics()
  for (const line of [
    /^backstitch_edge_pipes_total 1$/m,
    /^backstitch_edge_pipes_ended_total\{reason="done"\} 1$/m,
    /^backstitch_edge_halves_total\{mode="raw"\} 2$/m,
    /^backstitch_edge_handshake_seconds_count\{kind="pipe"\} 2$/m,
    /^backstitch_edge_pipe_bytes_total\{direction="up"\} [1-9]\d+$/m,
    /^backstitch_edge_worker_pipes\{worker="2"\} 0$/m,
    /^backstitch_edge_worker_restarts_total\{worker="1"\} 0$/m,
    /^backstitch_edge_worker_cpu_seconds_total\{worker="2"\} 0\.\d+$/m,
  ])
    assert.match(text, line)
})

test('a ticket is used once, by whatever shard it is shown again, and never by another', async () => {
  await using t = await openWithWorkers()
  const tickets = await t.tenant.pipe(t.address, t.client, t.connector, { shard: 4 })
  for (const shard of [5, undefined]) {
    await assert.rejects(bring(t, { ...tickets.client, shard }, 'client'), { code: 'TICKET_INVALID' })
  }
  const { client, connector } = await openTunnel(t, tickets)
  for (const shard of [4, 5, 6, undefined]) {
    await assert.rejects(bring(t, { ...tickets.client, shard }, 'client'), { code: 'TICKET_INVALID' })
  }
  await until(() => t.edge.stats().refused.TICKET_INVALID === 6)
  for (const { socket } of [client, connector]) socket.destroy()
})

test('what is sent behind the ClientHello without waiting is met by the worker, and so is an end', async () => {
  await using t = await openWithWorkers()
  const hello = await helloOf(t, 3)
  const junk = 'this is no TLS record, and it came at once'
  // Lost on the way, the junk would leave the worker waiting for the rest of a handshake.
  const one = async (at: number) => {
    const socket = net.connect(t.edge.port, '127.0.0.1').on('error', () => {})
    socket.write(hello)
    if (at % 2 === 0) socket.write(junk)
    else socket.end()
    await closed(socket)
  }
  for (let round = 0; round < 4; round++) await Promise.all(Array.from({ length: 50 }, (_, at) => one(at)))
  await until(() => t.edge.stats().connections === 0)
  assert.deepEqual(t.edge.stats().refused, { EDGE_UNREACHABLE: 200 })
})

/** What a client sends first. */
async function helloOf(t: TestEdge, shard: number): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const catcher = net.createServer((socket) => {
    socket
      .on('error', () => {})
      .once('data', (hello) => {
        resolve(hello as Buffer)
        socket.destroy()
      })
  })
  await once(catcher.listen(0, '127.0.0.1'), 'listening')
  const { port } = catcher.address() as net.AddressInfo
  const ticket = await t.tenant.pipe({ ...t.address, port }, t.client, t.connector, { shard })
  await assert.rejects(bring(t, ticket.client, 'client'))
  catcher.close()
  return promise
}

test('a worker that is killed takes its own pipes and nothing else, and comes back', async (c) => {
  await using t = await openWithWorkers({ limits: { pairMs: 2000 } })
  assert.equal(t.edge.workerEnded, undefined)
  const [lost, kept, own] = [await tunnelIn(t, 0), await tunnelIn(t, 1), await openTunnel(t)]
  await until(() => String(pipesBy(t)) === '1,1')
  const before = descriptors()
  const stale = await t.tenant.pipe(t.address, t.client, t.connector, { shard: 0 })
  const first = pidOf(t, 1)
  // Connections under way when it ends: stopped first, so that it takes none of them.
  process.kill(first, 'SIGSTOP')
  const hello = await helloOf(t, 0)
  const inFlight = Array.from({ length: 16 }, () => net.connect(t.edge.port, '127.0.0.1'))
  const reset = inFlight.map((socket) => howClosed(socket))
  for (const socket of inFlight) socket.write(hello)
  await until(() => t.edge.stats().connections === 6 + inFlight.length)
  await new Promise((resolve) => setTimeout(resolve, 200))
  const killedMs = performance.now()
  process.kill(first, 'SIGKILL')
  // Of a connection that is not taken for two seconds they would hear an end, and no reset.
  assert.deepEqual(new Set(await Promise.all(reset)), new Set(['ECONNRESET']))
  c.diagnostic(`peers in flight heard of it after ${Math.round(performance.now() - killedMs)} ms`)
  await Promise.all([lost.client, lost.connector].map(({ socket }) => closed(socket)))
  await echoes(kept.client.socket, kept.connector.socket)
  await echoes(own.client.socket, own.connector.socket)
  await until(() => t.edge.stats().connections === 4)
  await until(() => pidOf(t, 1) !== undefined && pidOf(t, 1) !== first)
  const again = await untilServed(t, 0)
  await assert.rejects(bring(t, stale.client, 'client'), { code: 'TICKET_INVALID' })
  assert.deepEqual(
    t.edge.stats().workers!.map(({ restarts }) => restarts),
    [1, 0],
  )
  assert.match(
    t.edge.workerEnded!.detail,
    /^edge worker 1 exited: SIGKILL; 1 end of a worker in 10 min, the last at /,
  )
  for (const { client, connector } of [again, kept, own]) {
    client.socket.destroy()
    connector.socket.destroy()
  }
  await until(() => t.edge.stats().connections === 0)
  // The test's own ends are among them: two of each pipe.
  await until(() => descriptors() <= before)
})

/** Tries until the worker of this shard has started. */
async function untilServed(t: TestEdge, shard: number) {
  for (;;) {
    try {
      return await tunnelIn(t, shard)
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** Gone at the other end, or at an end of what came from there. */
function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve()
    socket.on('error', () => {}).once('close', () => resolve())
    if (socket.readableEnded) socket.destroy()
    else socket.once('end', () => socket.destroy()).resume()
  })
}

/** The error that it closed with; `end` where there was none. */
function howClosed(socket: net.Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(`${code}`))
    socket.once('close', () => resolve('end'))
    socket.once('end', () => socket.destroy()).resume()
  })
}

test('a revocation reaches every worker, and each new one', async () => {
  await using t = await openWithWorkers()
  const { serial } = (await tunnelIn(t, 0)).client.peer
  await tunnelIn(t, 1)
  await until(() => String(pipesBy(t)) === '1,1')
  const shutOut = (revoked: string[], ended: string[]) => {
    for (const one of revoked) t.revoked.add(one)
    return t.edge.shutOutOfWorkers({ type: 'edge-state', whole: false, revoked, ended })
  }
  assert.equal(await shutOut([], ['dev_9']), 0)
  assert.equal(await shutOut([], ['dev_1']), 2, 'the device is at the other end of both')
  const other = await tunnelIn(t, 3)
  assert.equal(await shutOut([serial], []), 1)
  for (const { socket } of [other.client, other.connector]) await closed(socket)
  const refused = () => tunnelIn(t, 1)
  await assert.rejects(refused(), { code: 'IDENTITY_REVOKED' })
  process.kill(pidOf(t, 2), 'SIGKILL')
  await until(() => t.edge.stats().workers![1]!.restarts === 1)
  for (;;) {
    const why = await refused().then(
      () => assert.fail('it was let in'),
      (fault: { code: string }) => fault.code,
    )
    if (why === 'IDENTITY_REVOKED') break
  }
})

test('a worker that hangs holds up neither a revocation nor a drain: it is ended', async (c: TestContext) => {
  await using t = await openWithWorkers()
  const tunnel = await tunnelIn(t, 0)
  await until(() => String(pipesBy(t)) === '1,0')
  const pid = pidOf(t, 1)
  stop(c, pid)
  await t.edge.shutOutOfWorkers({ type: 'edge-state', whole: false, revoked: [], ended: ['dev_1'] })
  await Promise.all([tunnel.client, tunnel.connector].map(({ socket }) => closed(socket)))
  await until(() => pidOf(t, 1) !== undefined && pidOf(t, 1) !== pid)
  const again = await untilServed(t, 0)
  const next = pidOf(t, 1)
  stop(c, next)
  await t.edge.drain(50)
  assert.equal(t.edge.stats().pipes, 0)
  await Promise.all([again.client, again.connector].map(({ socket }) => closed(socket)))
})

test('a drain lets the pipes of workers end by themselves, and takes no new ones', async () => {
  await using t = await openWithWorkers()
  const begun = await t.tenant.pipe(t.address, t.client, t.connector, { shard: 1 })
  const far = await bring(t, begun.connector, 'connector')
  await until(() => t.edge.stats().waiting === 1)
  const drained = t.edge.drain(60_000)
  const fresh = await t.tenant.pipe(t.address, t.client, t.connector, { shard: 1 })
  await assert.rejects(bring(t, fresh.client, 'client'), { code: 'EDGE_DRAINING' })
  const near = await bring(t, begun.client, 'client')
  await echoes(near.socket, far.socket)
  far.socket.resume()
  near.socket.end()
  await once(far.socket, 'end')
  far.socket.end()
  near.socket.resume()
  await drained
})

test('a connection that a worker does not take is given up after two seconds, and beyond 256 at once', async (c) => {
  await using t = await openWithWorkers()
  const pid = pidOf(t, 1)
  stop(c, pid)
  const hello = await helloOf(t, 0)
  const sockets = Array.from({ length: 300 }, () => net.connect(t.edge.port, '127.0.0.1'))
  const ended = sockets.map((socket) => closed(socket))
  for (const socket of sockets) socket.write(hello)
  await until(() => t.edge.stats().refused.EDGE_BUSY === 300 - 256)
  assert.equal(t.edge.stats().connections, 256)
  // Others go on meanwhile.
  const tunnel = await tunnelIn(t, 1)
  await echoes(tunnel.client.socket, tunnel.connector.socket)
  await Promise.all(ended)
  assert.equal(t.edge.stats().refused.EDGE_BUSY, 300)
  await until(() => t.edge.stats().connections === 2)
  process.kill(pid, 'SIGCONT')
  const after = await untilServed(t, 0)
  for (const { client, connector } of [tunnel, after]) {
    client.socket.destroy()
    connector.socket.destroy()
  }
  await until(() => t.edge.stats().connections === 0)
})

test('a device has no more by coming to several workers, and has it back when one of them ends', async () => {
  const most = (name: 'waiting' | 'pipes', of: number) => ({
    [name]: { ...EDGE_SHARES[name], shares: [{ by: 'device' as const, weight: 1, most: of }] },
  })
  const shares = new EdgeShares({ ...EDGE_SHARES, ...most('pipes', 2) })
  await using t = await openWithWorkers({ shares })
  const held = [await tunnelIn(t, 0), await tunnelIn(t, 1)]
  for (const shard of [0, 1, undefined]) {
    const tickets = await t.tenant.pipe(t.address, t.client, t.connector, { shard })
    await assert.rejects(bring(t, tickets.client, 'client'), { code: 'RATE_LIMITED' })
    await assert.rejects(bring(t, tickets.connector, 'connector'), { code: 'RATE_LIMITED' })
  }
  // The refused one knows it before the worker has told the process that counts.
  await until(() => t.edge.stats().waiting === 0)
  const canary = await openTunnel(
    t,
    await t.tenant.pipe(t.address, t.connector, t.connector, { shard: 0 }),
  ).catch(() => undefined)
  assert.equal(canary, undefined, 'its halves are brought by their own holders only')
  process.kill(pidOf(t, 1), 'SIGKILL')
  await closed(held[0]!.client.socket)
  held.push(await untilServed(t, 1))
  for (const { client, connector } of held) {
    client.socket.destroy()
    connector.socket.destroy()
  }
})

test('a device that comes again and again is sent away by every worker', async () => {
  const rates: (typeof EDGE_SHARES)['halves']['rates'] = [
    { by: 'device', burst: 3, perSecond: 0.001 },
  ] as never
  const shares = new EdgeShares({ ...EDGE_SHARES, halves: { ...EDGE_SHARES.halves, rates } })
  await using t = await openWithWorkers({ shares })
  const { client: ticket } = await t.tenant.pipe(t.address, t.client, t.connector, { shard: 0 })
  const spoiled = (shard: number) => bring(t, { ...ticket, ticket: 'no ticket', shard }, 'client')
  for (const shard of [0, 1, 2]) await assert.rejects(spoiled(shard), { code: 'TICKET_INVALID' })
  for (const shard of [0, 1]) await assert.rejects(spoiled(shard), { code: 'RATE_LIMITED' })
})

test('who comes by a balancer is who it says, in the worker, too', async () => {
  const limits = { connectionsPerAddress: 1 }
  await using t = await openWithWorkers({ balancers: ['127.0.0.1'], limits })
  const hello = await helloOf(t, 0)
  const from = (last: number) => {
    const socket = net.connect(t.edge.port, '127.0.0.1').on('error', () => {})
    socket.write(`PROXY TCP4 198.51.100.${last} 127.0.0.1 40000 443\r\n`)
    socket.write(hello)
    return socket
  }
  const [one, other] = [from(1), from(2)]
  await Promise.all([one, other].map((socket) => once(socket, 'data')))
  assert.equal(t.edge.stats().connections, 2)
  const second = from(1)
  await closed(second)
  assert.deepEqual(t.edge.stats().refused, { EDGE_BUSY: 1 })
  for (const socket of [one, other]) socket.destroy()
  await until(() => t.edge.stats().connections === 0)
})

test('no byte of the key is in the arguments, the environment or a file of a worker', async () => {
  await using t = await openWithWorkers()
  const pid = pidOf(t, 1)
  for (const file of ['cmdline', 'environ']) {
    assert.doesNotMatch(readFileSync(`/proc/${pid}/${file}`, 'latin1'), /PRIVATE KEY/)
  }
})
