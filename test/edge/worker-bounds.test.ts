/** What the workers of an edge hold for readers that stand still, and whom they show themselves as after a renewal. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { EDGE_WORKER } from '../../src/cli/workers/entries.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { readExactly } from '../../src/link/dial/read-exactly.ts'
import { bringHalf } from '../../src/link/pipe/handover.ts'
import { ALPN_PIPE } from '../../src/wire/handover.ts'
import { alpnOfShard } from '../../src/wire/shard.ts'
import { EDGE_ID, openTestEdge, type TestEdge } from './fixture.ts'

const MIB = 1 << 20
const signal = new AbortController().signal

const openWithWorkers = () => openTestEdge({ workers: { entry: EDGE_WORKER, count: 2 } })

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

interface Pipe {
  readonly client: net.Socket
  readonly connector: net.Socket
}

async function pipeIn(t: TestEdge, shard: number): Promise<Pipe> {
  const tickets = await t.tenant.pipe(t.address, t.client, t.connector, { shard })
  const [client, connector] = await Promise.all(
    (['client', 'connector'] as const).map((side) =>
      bringHalf(tickets[side], { egress: DIRECT, credentials: t[side], signal }),
    ),
  )
  for (const { socket } of [client!, connector!]) socket.on('error', () => {})
  return { client: client!.socket, connector: connector!.socket }
}

async function echoes({ client, connector }: Pipe): Promise<void> {
  for (const [from, to] of [
    [client, connector],
    [connector, client],
  ] as const) {
    from.write('here')
    assert.equal(String(await readExactly(to, 4, signal)), 'here')
  }
}

const pidOf = ({ edge }: TestEdge, worker: number) => edge.stats().workers![worker - 1]!.pid

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
}

test('200 readers that stand still cost a worker two buffers each, however much is written to them', async (c) => {
  await using t = await openWithWorkers()
  const pipes: Pipe[] = []
  for (let n = 0; n < 200; n++) pipes.push(await pipeIn(t, 0))
  const beside = await pipeIn(t, 0)
  await until(() => t.edge.stats().workers![0]!.pipes === 201)
  const before = residentBytes(pidOf(t, 1)!)
  const block = Buffer.alloc(65_536, 'x')
  for (const { client, connector } of pipes) {
    connector.pause()
    const write = () => {
      while (client.write(block));
    }
    client.on('drain', write)
    write()
  }
  const taken = () => pipes.reduce((sum, { client }) => sum + client.bytesWritten - client.writableLength, 0)
  let most = 0
  // Until every writer has been held back for a while.
  for (let [still, last] = [0, -1]; still < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const now = taken()
    still = now === last ? still + 1 : 0
    last = now
    most = Math.max(most, residentBytes(pidOf(t, 1)!) - before)
    assert.ok(most < 128 * MIB, `${most} bytes more than without`)
  }
  c.diagnostic(`${taken() / MIB} MiB were taken, and the worker grew by ${most / MIB} MiB`)
  assert.ok(taken() > most)
  await echoes(beside)
  for (const { client, connector } of [...pipes, beside]) {
    client.destroy()
    connector.destroy()
  }
  await until(() => t.edge.stats().pipes === 0)
})

/** Of the certificate that whoever answers for this shard shows. */
async function serialIn(t: TestEdge, shard: number): Promise<string> {
  const socket = tls.connect({
    ...{ host: '127.0.0.1', port: t.edge.port, rejectUnauthorized: false },
    ALPNProtocols: [ALPN_PIPE, alpnOfShard(shard)],
  })
  await once(
    socket.on('error', () => {}),
    'secureConnect',
  )
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

test('a renewed certificate is shown by every worker from then on, and by each new one; pipes go on', async () => {
  await using t = await openWithWorkers()
  const held = [await pipeIn(t, 0), await pipeIn(t, 1)]
  const renewed = await t.tenant.credentials('edge', EDGE_ID, { names: ['127.0.0.1'] })
  const { serialNumber } = new X509Certificate(renewed.certificate)
  for (const shard of [0, 1]) assert.notEqual(await serialIn(t, shard), serialNumber)
  t.edge.renew(renewed)
  for (const shard of [0, 1]) assert.equal(await serialIn(t, shard), serialNumber)
  const fresh = [await pipeIn(t, 0), await pipeIn(t, 1)]
  for (const pipe of [...held, ...fresh]) await echoes(pipe)
  const first = pidOf(t, 1)!
  process.kill(first, 'SIGKILL')
  await until(() => pidOf(t, 1) !== undefined && pidOf(t, 1) !== first)
  let shown: string | undefined
  while (shown === undefined) shown = await serialIn(t, 0).catch(() => undefined)
  assert.equal(shown, serialNumber)
  for (const pipe of [held[1]!, fresh[1]!]) await echoes(pipe)
  for (const { client, connector } of [...held, ...fresh]) {
    client.destroy()
    connector.destroy()
  }
})
