import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { silentLog } from '../../src/base/log.ts'
import { EDGE_WORKER } from '../../src/cli/workers/entries.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { openMiddlebox } from '../../src/link/dial/middlebox.fixture.ts'
import { readExactly } from '../../src/link/dial/read-exactly.ts'
import { bringHalf, type Half } from '../../src/link/pipe/handover.ts'
import { RawPhase } from '../../src/link/pipe/raw-phase.ts'
import { tunnelAsClient, tunnelAsConnector } from '../../src/link/pipe/secure-tunnel.ts'
import { bringTunnelEnd } from '../../src/link/pipe/tunnel-end.ts'
import type { HalfMode } from '../../src/wire/handover.ts'
import { openTestEdge, type TestEdge } from './fixture.ts'

const signal = new AbortController().signal
type Modes = Record<'client' | 'connector', HalfMode>

const COMBINATIONS: Modes[] = [
  { client: 'wrapped', connector: 'raw' },
  { client: 'raw', connector: 'wrapped' },
  { client: 'wrapped', connector: 'wrapped' },
]

/** Both halves of one pipe; a wrapped one goes through a middlebox that lets nothing but TLS pass. */
async function bringBoth(t: TestEdge, modes: Modes, box: { host: string; port: number }, shard?: number) {
  const tickets = await t.tenant.pipe(t.address, t.client, t.connector, { shard })
  const half = (side: 'client' | 'connector') => {
    const mode = modes[side]
    const ticket = tickets[side]
    const edge = mode === 'wrapped' ? { ...ticket.edge, host: box.host, port: box.port } : ticket.edge
    return bringHalf({ ...ticket, edge }, { egress: DIRECT, credentials: t[side], signal, mode })
  }
  const [client, connector] = await Promise.all([half('client'), half('connector')])
  return { client, connector, tickets }
}

async function secure(t: TestEdge, { client, connector, tickets }: Awaited<ReturnType<typeof bringBoth>>) {
  const [near, far] = await Promise.all([
    tunnelAsClient(client.socket, { credentials: t.client, peer: tickets.client.peer, signal }),
    tunnelAsConnector(connector.socket, { credentials: t.connector, peer: tickets.connector.peer, signal }),
  ])
  return { near: near.socket, far: far.socket }
}

function digestOf(stream: Duplex): Promise<string> {
  const hash = createHash('sha256')
  stream.on('data', (chunk: Buffer) => hash.update(chunk))
  return once(stream, 'end').then(() => hash.digest('hex'))
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Gone, by a reset or an end. */
function gone({ socket }: Pick<Half, 'socket'>): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve()
    socket.on('error', () => {})
    socket.once('end', () => socket.destroy())
    socket.resume().once('close', () => resolve())
  })
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}

for (const modes of COMBINATIONS) {
  const title = `client ${modes.client}, connector ${modes.connector}`

  test(`${title}: 8 MB each way end to end through half-closes, and the end is in order`, async () => {
    await using t = await openTestEdge()
    await using box = await openMiddlebox(t.address)
    const { near, far } = await secure(t, await bringBoth(t, modes, box))
    const up = randomBytes(8_000_000)
    const down = randomBytes(8_000_000)
    const gotUp = digestOf(far)
    near.end(up)
    assert.equal(await gotUp, sha256(up))
    const gotDown = digestOf(near)
    far.end(down)
    assert.equal(await gotDown, sha256(down))
    await until(() => t.edge.stats().connections === 0)
    assert.deepEqual([t.edge.stats().pipes, t.edge.stats().refused, box.killed], [0, {}, 0])
  })

  test(`${title}: what comes before the other half is there waits for it, whole`, async () => {
    await using t = await openTestEdge()
    const early = randomBytes(4 << 20)
    const tickets = await t.tenant.pipe(t.address, t.client, t.connector)
    const bring = (side: 'client' | 'connector') =>
      bringHalf(tickets[side], { egress: DIRECT, credentials: t[side], signal, mode: modes[side] })
    const client = await bring('client')
    client.socket.write(early)
    await until(() => t.edge.stats().waiting === 1)
    const connector = await bring('connector')
    assert.ok((await readExactly(connector.socket, early.length, signal)).equals(early))
    client.socket.destroy()
    await gone(connector)
  })

  test(`${title}: a side that breaks, and a revocation, break the other`, async () => {
    await using t = await openTestEdge()
    await using box = await openMiddlebox(t.address)
    for (const broken of ['client', 'connector'] as const) {
      const halves = await bringBoth(t, modes, box)
      await until(() => t.edge.stats().pipes === 1)
      halves[broken].socket.destroy()
      await gone(halves[broken === 'client' ? 'connector' : 'client'])
      await until(() => t.edge.stats().connections === 0)
    }
    const cut = await bringBoth(t, modes, box)
    await until(() => t.edge.stats().pipes === 1)
    assert.equal(
      t.edge.revoke(() => true),
      1,
    )
    await Promise.all([gone(cut.client), gone(cut.connector)])
    assert.equal(t.edge.stats().pipes, 0)
  })
}

for (const shard of [0, 1]) {
  test(`wrapped halves of shard ${shard} meet in the worker of it, and are told apart from raw ones there`, async () => {
    const registry = new Registry()
    await using t = await openTestEdge({ workers: { entry: EDGE_WORKER, count: 2 }, registry })
    await using box = await openMiddlebox(t.address)
    for (const modes of COMBINATIONS) {
      const { near, far } = await secure(t, await bringBoth(t, modes, box, shard))
      await until(() => t.edge.stats().workers![shard]!.pipes === 1)
      const [up, down] = [randomBytes(2_000_000), randomBytes(2_000_000)]
      const [gotUp, gotDown] = [digestOf(far), digestOf(near)]
      near.end(up)
      far.end(down)
      assert.deepEqual([await gotUp, await gotDown], [sha256(up), sha256(down)])
      await until(() => t.edge.stats().connections === 0)
    }
    assert.deepEqual([t.edge.stats().refused, box.killed], [{}, 0])
    const text = await registry.metrics()
    assert.match(text, /^backstitch_edge_halves_total\{mode="raw"\} 2$/m)
    assert.match(text, /^backstitch_edge_halves_total\{mode="wrapped"\} 4$/m)
  })
}

test('a reader that stands still holds the writer back through two wrapped halves, and loses nothing', async () => {
  await using t = await openTestEdge()
  await using box = await openMiddlebox(t.address)
  const { near, far } = await secure(t, await bringBoth(t, { client: 'wrapped', connector: 'wrapped' }, box))
  const block = randomBytes(1 << 20)
  let sent = 0
  let taken = true
  while (taken) {
    near.write(block)
    sent += block.length
    const stall = AbortSignal.timeout(300)
    taken = await once(near, 'drain', { signal: stall }).then(
      () => true,
      () => false,
    )
  }
  assert.ok(sent < 64 << 20, `${sent} bytes were taken while nobody read`)
  let received = 0
  far.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  near.end()
  await once(far, 'end')
  assert.equal(received, sent)
  far.end()
  near.resume()
  await until(() => t.edge.stats().connections === 0)
})

test('a far end that does not come is not blamed on the path', async () => {
  await using t = await openTestEdge({ limits: { pairMs: 100 } })
  using rawPhase = new RawPhase({ log: silentLog })
  const { client } = await t.tenant.pipe(t.address, t.client, t.connector)
  const way = { egress: DIRECT, credentials: t.client, rawPhase, signal }
  await assert.rejects(bringTunnelEnd('client', client, way), { code: 'TUNNEL_LOST' })
  assert.equal(rawPhase.mode(client.edge, way), 'raw')
  assert.deepEqual([rawPhase.blocked, t.edge.stats().refused], [[], { PAIR_TIMEOUT: 1 }])
})

test('a wrapped half that nobody joins is closed', async () => {
  await using t = await openTestEdge({ limits: { pairMs: 100 } })
  const { client } = await t.tenant.pipe(t.address, t.client, t.connector)
  await gone(await bringHalf(client, { egress: DIRECT, credentials: t.client, signal, mode: 'wrapped' }))
  assert.deepEqual([t.edge.stats().refused, t.edge.stats().waiting], [{ PAIR_TIMEOUT: 1 }, 0])
})
