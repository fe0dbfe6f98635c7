/**
 * What a connector has is one thing, however many processes carry its tunnels: who has it in one of them does not get it
 * once more in the other, and what is given back in one is there for all.
 *
 * @module
 */
import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { SegmentSpec } from '../src/api/specs.ts'
import type { HeldElsewhere } from '../src/base/shares.ts'
import { parseForward } from '../src/client/address/forward-spec.ts'
import type { Client } from '../src/client/client.ts'
import type { Connector } from '../src/connector/connector.ts'
import { blackHole } from '../src/connector/tunnels/black-hole.fixture.ts'
import { openClientSite, until } from './client-site.ts'
import { listenUdp, serveEcho } from './client-traffic.ts'

type Pool = 'sessions' | 'dials' | 'udpPorts'
const [TCP, VOID, UDP] = [0, 1, 2]

/** A device, and the worker that carries its one tunnel. */
interface Device {
  readonly client: Client
  worker: string
}

const parts = new AsyncDisposableStack()
let connector: Connector
let phone: Device
let laptop: Device
let told: (worker: string, pool: Pool) => HeldElsewhere

before(async () => {
  const site = parts.use(await openClientSite())
  const dir = path.join(site.site.dir, 'told')
  mkdirSync(dir)
  process.env.TOLD = dir
  told = (worker, pool) => {
    try {
      return JSON.parse(readFileSync(path.join(dir, worker), 'utf8'))[pool]
    } catch {
      return { taken: -1, most: [] } // nothing yet
    }
  }
  const echo = parts.use(await serveEcho())
  const udp = parts.use(
    await listenUdp('127.0.0.1', (message, from, socket) => socket.send(message, from.port, from.address)),
  )
  const hole = await blackHole({ after: (work) => parts.defer(async () => void (await work())) })
  const { objects } = site.site.control.store
  const { id, spec } = await objects.get('segment', 'app')
  await objects.put({
    id,
    kind: 'segment',
    name: 'app',
    spec: { ...(spec as SegmentSpec), cidrs: ['127.0.0.0/8'] },
  })
  const workerEntry = path.join(import.meta.dirname, 'scarce-worker.ts')
  ;({ connector } = await site.connector('connector', { workers: 2, workerEntry }))
  const to = [`localhost:${echo.port}`, `127.0.0.5:${hole}`].map((one) => `127.0.0.1:0 ${one}`)
  const forwards = [...to, `udp/127.0.0.1:0 localhost:${udp.port}`].map(parseForward)
  const device = async (name: string): Promise<Device> => {
    const stateDir = path.join(site.site.dir, name)
    await site.signIn({ stateDir })
    const { client } = await site.client({ stateDir, forwards, tunnelsPerConnector: 1 })
    return { client, worker: '' }
  }
  phone = await device('phone')
  laptop = await device('laptop')
  for (const one of [phone, laptop]) await bringsItsTunnel(one)
})

after(() => parts.disposeAsync())

/** One session, and the tunnel stays. */
async function bringsItsTunnel(device: Device): Promise<void> {
  const before = new Map(connector.status().workers.map(({ worker, tunnels }) => [worker, tunnels]))
  const socket = await opened(device)
  assert.ok(socket)
  const gained = () =>
    connector.status().workers.find(({ worker, tunnels }) => tunnels > (before.get(worker) ?? 0))
  await until(() => gained() !== undefined)
  device.worker = gained()!.worker
  socket.destroy()
}

function portOf({ client }: Device, at: number): number {
  return Number(client.status().forwards[at]!.local.split(':').at(-1))
}

/** A session whose first byte has come back; nothing: it was refused. */
async function opened(device: Device): Promise<net.Socket | undefined> {
  const socket = net.connect({ host: '127.0.0.1', port: portOf(device, TCP), noDelay: true })
  parts.defer(() => void socket.destroy())
  const gone = new Promise<void>((resolve) => socket.on('error', () => {}).once('close', () => resolve()))
  socket.write('x')
  const answered = new Promise<boolean>((resolve) => socket.once('data', () => resolve(true)))
  const isOpen = await Promise.race([answered, gone.then(() => false)])
  return isOpen ? socket : undefined
}

/** As many as it gets. */
async function openAll(device: Device): Promise<net.Socket[]> {
  const all: net.Socket[] = []
  for (;;) {
    const socket = await opened(device)
    if (socket === undefined) return all
    all.push(socket)
  }
}

/** The other worker has heard that this device, and its tunnel with it, hold so many. */
const isTold = (of: Device, to: Device, pool: Pool, count: number) =>
  until(() => told(to.worker, pool).taken === count && of.worker !== to.worker)

test('sessions: two devices of one user have what one user may have, in whichever process', async () => {
  await isTold(laptop, phone, 'sessions', 1)
  const first = await openAll(phone)
  assert.equal(first.length, 8, 'with its tunnel as much as twice what is free')
  await isTold(phone, laptop, 'sessions', 9)
  const second = await openAll(laptop)
  assert.equal(second.length, 2, 'its user has ten of fourteen, which is more than four times what is free')
  const [refusal] = laptop.client.status().decisions
  assert.equal(refusal?.code, 'TOO_MANY_STREAMS')
  assert.match(
    refusal.because,
    /^sessions of a connector: user usr_\w+ holds 10 of 14 and may not hold more$/,
  )
  for (const socket of first.splice(0, 6)) socket.destroy()
  await isTold(phone, laptop, 'sessions', 3)
  const third = await openAll(laptop)
  assert.ok(third.length >= 2, `${third.length}`)
  for (const socket of [...first, ...second, ...third]) socket.destroy()
  await until(() => connector.status().sessions === 0)
  for (const [of, to] of [
    [phone, laptop],
    [laptop, phone],
  ] as const)
    await isTold(of, to, 'sessions', 1)
})

test('connections under way: those of one process count in the other', async () => {
  /** Of five, as many as are not refused. */
  const dial = async (device: Device, refused: number) => {
    let closed = 0
    const all = Array.from({ length: 5 }, () => {
      const socket = net.connect({ host: '127.0.0.1', port: portOf(device, VOID) })
      parts.defer(() => void socket.destroy())
      return socket.on('error', () => {}).once('close', () => closed++)
    })
    await until(() => closed === refused)
    return all
  }
  const first = await dial(phone, 2)
  await isTold(phone, laptop, 'dials', 3)
  const second = await dial(laptop, 4)
  const [refusal] = laptop.client.status().decisions
  assert.match(refusal!.because, /^connections to applications under way: user usr_\w+ holds 4 of 6 /)
  for (const socket of [...first, ...second]) socket.resetAndDestroy()
  await isTold(phone, laptop, 'dials', 0)
  await isTold(laptop, phone, 'dials', 0)
})

test('local UDP ports: those of one process count in the other', async () => {
  const flow = async (device: Device, other: Device, held: number) => {
    const socket = dgram.createSocket('udp4')
    parts.defer(() => void socket.close())
    const { failed } = device.client.status().sessions
    const answered = once(socket, 'message')
    socket.send('x', portOf(device, UDP), '127.0.0.1')
    const refused = until(() => device.client.status().sessions.failed > failed)
    refused.catch(() => {}) // it was answered
    if (!(await Promise.race([answered.then(() => true), refused.then(() => false)]))) return false
    await isTold(device, other, 'udpPorts', held + 1)
    return true
  }
  const all = async (device: Device, other: Device) => {
    let held = 0
    while (await flow(device, other, held)) held++
    return held
  }
  assert.equal(await all(phone, laptop), 4, 'as many as are free of seven')
  assert.equal(await all(laptop, phone), 1, 'its user has five of seven')
})

test('what a process held that was killed is free', async () => {
  const before = connector.status().workers.find(({ worker }) => worker === phone.worker)!
  process.kill(before.pid!, 'SIGKILL')
  await isTold(phone, laptop, 'udpPorts', 0)
  await isTold(phone, laptop, 'sessions', 0)
  assert.ok((await openAll(laptop)).length > 2)
})
