/**
 * A client of two processes: what is typed is not in the one that carries bulk, and one that is killed takes its own
 * sessions and nothing else.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../bench/ports.ts'
import { readStatus } from '../src/base/status-socket.ts'
import type { ClientStatus } from '../src/client/status.ts'
import { Installation } from './installation.ts'

const ECHO = 0
const SOURCE = 1
const CHUNK = Buffer.alloc(65_536, 'b')

const parts = new AsyncDisposableStack()
const ports: number[] = []
let installation: Installation

const status = async () =>
  (await readStatus(path.join(installation.stateOf('client'), 'status.sock'))) as ClientStatus

before(async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'client-workers-'))
  parts.defer(() => rmSync(dir, { recursive: true, force: true }))
  const echo = net.createServer((socket) => socket.on('error', () => {}).pipe(socket))
  const source = net.createServer((socket) => {
    const fill = () => {
      while (socket.writable && socket.write(CHUNK));
    }
    socket.on('error', () => {}).on('drain', fill)
    socket.resume()
    fill()
  })
  const apps: net.AddressInfo[] = []
  for (const server of [echo, source]) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    parts.defer(() => void server.close())
    apps.push(server.address() as net.AddressInfo)
  }
  const tcp = apps.map(({ port }) => `${port}`)
  installation = parts.use(await Installation.start({ dir, reach: { cidrs: ['127.0.0.1/32'], tcp } }))
  const connector = installation.startConnector(await installation.addConnector())
  await installation.passed(connector, 6)
  ports.push(await freePort(), await freePort())
  const forwards = apps.map(({ port }, at) => `127.0.0.1:${ports[at]} 127.0.0.1:${port}`)
  await installation.signIn({ listen: '127.0.0.1:0', forwards })
  await installation.startClient()
})

after(() => parts.disposeAsync())

async function open(service: number): Promise<net.Socket> {
  const socket = net.connect({ host: '127.0.0.1', port: ports[service]!, noDelay: true })
  socket.on('error', () => {})
  parts.defer(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** One message there and back. */
async function roundTrip(socket: net.Socket): Promise<void> {
  const back = once(socket, 'data')
  socket.write('typed')
  assert.equal(String((await back)[0]), 'typed')
}

/** Until `reached`, somebody goes on typing. */
async function typeUntil(socket: net.Socket, reached: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await reached())) await roundTrip(socket)
}

let typed: net.Socket

test('bulk beside somebody who types is carried by another process, and status tells both as one client', async () => {
  typed = await open(ECHO)
  await typeUntil(typed, async () => (await status()).workers.length === 1)
  const before = (await status()).tunnels.length
  // It takes sessions once it has said that it can.
  await typeUntil(typed, async () => {
    const bulk = await open(SOURCE)
    await once(bulk, 'data')
    const isElsewhere = (await status()).tunnels.length > before
    if (!isElsewhere) bulk.destroy()
    return isElsewhere
  })
  const { sessions, decisions, tunnels } = await status()
  assert.equal(sessions.open, 2)
  assert.deepEqual(new Set(decisions.map(({ outcome }) => outcome)), new Set(['sent']))
  assert.equal(tunnels.filter(({ streams }) => streams === 1).length, 2)
})

test('a process that is killed ends its own sessions with a reset, control hears of it, and the next one serves', async () => {
  const [worker] = (await status()).workers
  const bulk = await open(SOURCE)
  bulk.resume()
  // Told open: a session is so after a second.
  await typeUntil(typed, async () => (await records('open')).length === 3)
  const cut = once(bulk, 'error')
  process.kill(worker!, 'SIGKILL')
  assert.equal(((await cut)[0] as NodeJS.ErrnoException).code, 'ECONNRESET')
  await roundTrip(typed)
  await typeUntil(typed, async () => (await records('open')).length === 1)
  const lost = (await records('closed')).filter(({ closeReason }) => closeReason === 'TUNNEL_LOST')
  assert.equal(lost.length, 2)
  await typeUntil(typed, async () => {
    const [next] = (await status()).workers
    return next !== undefined && next !== worker
  })
  const [note] = (await status()).notes.filter(({ code }) => code === 'WORKER_ENDED')
  assert.match(note!.detail, /^client worker 1 exited: SIGKILL; 1 end of a worker in 10 min/)
  const again = await open(SOURCE)
  await once(again, 'data')
})

interface SessionRow {
  readonly state: 'open' | 'closed'
  readonly closeReason?: string
}

async function records(state: SessionRow['state']): Promise<SessionRow[]> {
  const all = JSON.parse(await installation.command('--json', 'get', 'sessions')) as SessionRow[]
  return all.filter((one) => one.state === state)
}

test('somebody who begins to type beside bulk is carried by the other process', async () => {
  typed.destroy()
  // Whoever typed so short a time ago goes on: until then bulk goes elsewhere, too.
  let bulk: net.Socket | undefined
  while (bulk === undefined) {
    const one = await open(SOURCE)
    await once(one, 'data')
    one.resume()
    const { tunnels } = await status()
    // The first two tunnels are those of the process that accepts.
    if (tunnels.slice(0, 2).some(({ streams, bytesPerSecond }) => streams > 0 && bytesPerSecond > 0))
      bulk = one
    else one.destroy()
  }
  // What is carried is measured ten times a second.
  for (let here = 2; here > 1; ) {
    const next = await open(ECHO)
    await roundTrip(next)
    const { tunnels } = await status()
    here = tunnels.slice(0, 2).reduce((sum, { streams }) => sum + streams, 0)
    if (here > 1) next.destroy()
  }
})

test('a process that stands still gets no session after a few seconds; what is new stays with the one that accepts', async () => {
  const [worker] = (await status()).workers
  process.kill(worker!, 'SIGSTOP')
  try {
    for (let isServed = false; !isServed; ) {
      const next = await open(ECHO)
      const back = once(next, 'data')
      next.write('typed')
      isServed = await Promise.race([back.then(() => true), pause(500).then(() => false)])
      next.destroy()
    }
  } finally {
    process.kill(worker!, 'SIGCONT')
  }
})
