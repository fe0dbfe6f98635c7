/**
 * A connector whose sessions are carried by two processes: they are one connector to everybody, and one that is killed or
 * stands still takes its own sessions and nothing else.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Child } from '../bench/children.ts'
import { freePort } from '../bench/ports.ts'
import { readStatus } from '../src/base/status-socket.ts'
import type { ConnectorStatus } from '../src/connector/status.ts'
import { serveEcho, type TcpApp } from './client-traffic.ts'
import { Installation, NO_PROXIES, PROGRAM } from './installation.ts'

const DEVICES = ['phone', 'laptop'] as const
type Device = (typeof DEVICES)[number]

const parts = new AsyncDisposableStack()
const forwards = new Map<Device, number>()
let installation: Installation
let connector: Child
let app: TcpApp
let records: DatabaseSync

before(async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'connector-workers-'))
  parts.defer(() => rmSync(dir, { recursive: true, force: true }))
  app = parts.use(await serveEcho())
  const reach = { domains: ['localhost'], addressCidrs: ['127.0.0.0/8', '::1/128'], tcp: [`${app.port}`] }
  installation = parts.use(await Installation.start({ dir, reach }))
  connector = installation.startConnector(await installation.addConnector(), { workers: 2 })
  await installation.passed(connector, 6)
  for (const device of DEVICES) {
    const port = await freePort()
    forwards.set(device, port)
    const config = { listen: 'off', workers: 1, forwards: [`127.0.0.1:${port} localhost:${app.port}`] }
    await installation.signIn(config, device)
    const run: [string, ...string[]] = [PROGRAM, ...installation.flagsOf(device), 'run']
    const child = installation.children.start(device, run, { env: NO_PROXIES })
    await installation.until(child, () => installation.logged(child, 'control.up').length > 0, 'connect')
  }
  records = new DatabaseSync(path.join(dir, 'server', 'backstitch.db'), { readOnly: true })
  parts.defer(() => records.close())
})

after(() => parts.disposeAsync())

async function status(): Promise<ConnectorStatus> {
  return (await readStatus(path.join(installation.dir, connector.name, 'status.sock'))) as ConnectorStatus
}

/** A session that is open: its first byte has come back. */
async function open(device: Device): Promise<net.Socket> {
  const socket = net.connect({ host: '127.0.0.1', port: forwards.get(device)!, noDelay: true })
  socket.on('error', () => {})
  parts.defer(() => void socket.destroy())
  await roundTrip(socket)
  return socket
}

async function roundTrip(socket: net.Socket): Promise<void> {
  const back = once(socket, 'data')
  socket.write('x')
  assert.equal(String((await back)[0]), 'x')
}

/** However it ends. */
function closing(socket: net.Socket): Promise<net.Socket> {
  return new Promise((resolve) => socket.once('close', () => resolve(socket)))
}

/** As soon as the way is there again. */
async function openAgain(device: Device): Promise<net.Socket> {
  const untilMs = performance.now() + 20_000
  for (;;) {
    assert.ok(performance.now() < untilMs, 'no session opens')
    const opened = await Promise.race([open(device).catch(() => undefined), delay(500)])
    if (opened !== undefined) return opened
  }
}

async function until(what: string, reached: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 20_000
  while (!(await reached())) {
    assert.ok(performance.now() < untilMs, what)
    await delay(50)
  }
}

const count = (where: string) =>
  Number(records.prepare(`select count(*) as n from session ${where}`).get()!.n)

test('two devices are carried by two processes, and status and metrics tell of both', async () => {
  const sockets = await Promise.all(DEVICES.flatMap((device) => [1, 2, 3].map(() => open(device))))
  await until('three sessions in each', async () => {
    const { workers, sessions } = await status()
    return sessions === 6 && workers.every((one) => one.sessions === 3 && one.tunnels > 0)
  })
  const { metrics, sessionsBy } = (await status()) as ConnectorStatus & { metrics: string }
  assert.match(metrics, /backstitch_connector_worker_sessions\{worker="2"\} 3/)
  assert.equal(sessionsBy[0]?.sessions, 6)
  for (const socket of sockets) socket.destroy()
  await until('records of all', () => count("where state = 'closed'") === 6)
  assert.equal(count(''), 6)
})

test('a worker that is killed takes its own sessions; they are on record, and the next one opens', async () => {
  const sockets = await Promise.all(DEVICES.flatMap((device) => [1, 2].map(() => open(device))))
  await until('all told', async () => (await status()).sessions === 4)
  await until('open in the records', () => count("where state = 'open'") === 4)
  const victim = (await status()).workers.find(({ sessions }) => sessions > 0)!
  const lost = new Set<net.Socket>()
  for (const socket of sockets) void closing(socket).then((closed) => lost.add(closed))
  process.kill(victim.pid!, 'SIGKILL')
  const killedMs = performance.now()
  await until('its sessions end', () => lost.size === victim.sessions)
  const again = await Promise.all(DEVICES.map(openAgain))
  assert.ok(performance.now() - killedMs < 4000, `${performance.now() - killedMs} ms`)
  for (const socket of sockets) if (!lost.has(socket)) await roundTrip(socket)
  await until('one record of each end', () => count("where state = 'closed'") === 6 + victim.sessions)
  await until('started again', async () => {
    const { restarts, pid } = (await status()).workers.find(({ worker }) => worker === victim.worker)!
    return restarts === 1 && pid !== undefined && pid !== victim.pid
  })
  const [note] = (await status()).notes.filter(({ code }) => code === 'WORKER_ENDED')
  assert.ok(note!.detail.startsWith(`connector worker ${victim.worker} exited: SIGKILL; 1 end of a worker`))
  for (const socket of [...sockets, ...again]) socket.destroy()
  await until('the others as well', () => count("where state = 'closed'") === 12)
  assert.equal(count(''), 12)
})

test('a worker that stands still holds up neither status nor what is revoked, nor the sessions of the other', async () => {
  const sockets = await Promise.all(DEVICES.flatMap((device) => [1, 2].map(() => open(device))))
  await until('all told', async () => (await status()).sessions === 4)
  await until('open in the records', () => count("where state = 'open'") === 4)
  const stuck = (await status()).workers.find(({ sessions }) => sessions > 0)
  process.kill(stuck!.pid!, 'SIGSTOP')
  const file = path.join(installation.dir, 'access.yaml')
  const rule = JSON.stringify({ kind: 'access-rule', name: 'all', order: 1, action: 'allow' })
  const deny = rule.replace('allow', 'deny')
  writeFileSync(file, readFileSync(file, 'utf8').replace(rule, deny))
  const over = Promise.all(sockets.map(closing))
  await installation.command('apply', '-f', file)
  const appliedMs = performance.now()
  await over
  assert.ok(performance.now() - appliedMs < 3000, `${performance.now() - appliedMs} ms`)
  await until('nothing is open', async () => (await status()).sessions === 0)
  assert.equal(installation.logged(connector, 'worker.killed').length, 1)
  await until('all on record', () => count("where state = 'closed'") === 16)
  writeFileSync(file, readFileSync(file, 'utf8').replace(deny, rule))
  await installation.command('apply', '-f', file)
  const again = await openAgain('phone')
  again.destroy()
})

test('a connector that stops lets its sessions end, and leaves no process behind', async () => {
  const socket = await openAgain('laptop')
  const pids = (await status()).workers.map(({ pid }) => pid!)
  const over = closing(socket)
  await installation.stop(connector)
  await over
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})
