/**
 * A server whose edge has two workers: the tunnels of one client are in both, and one that is killed under load takes its
 * own and nothing else.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { freePort } from '../bench/ports.ts'
import { patience } from '../lab/pace.ts'
import { readStatus } from '../src/base/status-socket.ts'
import type { EdgeDaemonStatus } from '../src/edge/edge-status.ts'
import { Installation, PROGRAM, USER } from './installation.ts'
import { finish } from './program.ts'

const parts = new AsyncDisposableStack()
let installation: Installation
let port: number
let app: number

before(async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'edge-workers-'))
  parts.defer(() => rmSync(dir, { recursive: true, force: true }))
  const echo = net.createServer((socket) => socket.on('error', () => {}).pipe(socket))
  await once(echo.listen(0, '127.0.0.1'), 'listening')
  parts.defer(() => void echo.close())
  app = (echo.address() as net.AddressInfo).port
  const env = { server: { BACKSTITCH_WORKERS: '2' } }
  installation = parts.use(
    await Installation.start({ dir, env, reach: { cidrs: ['127.0.0.1/32'], tcp: [`${app}`] } }),
  )
  await installation.passed(installation.startConnector(await installation.addConnector()), 6)
  port = await freePort()
  await installation.signIn({ listen: '127.0.0.1:0', forwards: [`127.0.0.1:${port} 127.0.0.1:${app}`] })
  await installation.startClient()
})

after(() => parts.disposeAsync())

async function edge(): Promise<EdgeDaemonStatus> {
  const status = await readStatus(path.join(installation.dir, 'server/edge/status.sock'))
  return status as EdgeDaemonStatus
}

/** One session: a message there and back. @returns Why there was none. */
async function session(): Promise<string | undefined> {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true })
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  socket.on('close', () => resolve('closed'))
  socket.on('data', () => resolve(undefined))
  socket.write('here')
  const outcome = await promise
  socket.destroy()
  return outcome
}

async function until(reached: () => Promise<boolean>): Promise<void> {
  while (!(await reached())) await session()
}

test('the two tunnels of a client are in different workers, and status tells what each carries', async () => {
  assert.equal(await session(), undefined)
  await until(async () => (await edge()).stats?.workers?.every(({ pipes }) => pipes > 0) === true)
  assert.match(
    await installation.command('status', '--state', path.join(installation.dir, 'server')),
    /^workers +2: /m,
  )
})

test('a worker is killed under load: sessions go on within two seconds, and it is started again', async () => {
  const { pid, stats } = await edge()
  const descriptors = () => readdirSync(`/proc/${pid}/fd`).length
  const held = descriptors()
  let lastFailedMs = 0
  let ran = 0
  let stopping = false
  const load = Array.from({ length: 8 }, async () => {
    while (!stopping) {
      if ((await session()) === undefined) ran++
      else lastFailedMs = performance.now()
    }
  })
  while (ran < 200) await new Promise(setImmediate)
  const [victim, other] = stats!.workers!
  const killedMs = performance.now()
  process.kill(victim!.pid!, 'SIGKILL')
  const workers = async () => (await edge()).stats!.workers!
  while ((await workers())[0]!.restarts === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  const until = performance.now() + patience(3000)
  while (performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 50))
  stopping = true
  await Promise.all(load)
  const tookMs = Math.max(0, lastFailedMs - killedMs)
  assert.ok(
    tookMs < patience(2000),
    `the last session failed ${Math.round(tookMs)} ms after the end of the worker`,
  )
  const [again, same] = await workers()
  assert.deepEqual([again!.restarts, same!.restarts, same!.pid], [1, 0, other!.pid])
  assert.notEqual(again!.pid, victim!.pid)
  // The client has brought another tunnel in its place, to either of them.
  while ((await edge()).stats!.pipes < 2) assert.equal(await session(), undefined)
  while (descriptors() > held) await new Promise((resolve) => setTimeout(resolve, 50))
  const [line] = installation.logged(installation.server, 'worker.ended')
  assert.deepEqual([line?.how, line?.code], ['SIGKILL', 'WORKER_ENDED'])
})

test('whoever asks about the edge afterwards is told that a worker ended: its status, the control plane, the doctor', async () => {
  const said = /edge worker 1 exited: SIGKILL; 1 end of a worker in 10 min, the last at 20/
  const state = path.join(installation.dir, 'server')
  assert.match(
    await installation.command('status', '--state', state),
    new RegExp(`^note +WORKER_ENDED .*${said.source}`, 'm'),
  )
  assert.match(
    await installation.command('get', 'edges'),
    /^embedded +degraded +WORKER_ENDED: edge worker 1/m,
  )
  assert.match(
    await installation.command('describe', 'edge', 'embedded'),
    new RegExp(`^edge WORKER_ENDED: ${said.source}`, 'm'),
  )
  const traced = await installation.command('trace', USER, `127.0.0.1:${app}`)
  assert.match(traced, new RegExp(`edge embedded from its own check: WORKER_ENDED: ${said.source}`))
  const doctor = await finish([PROGRAM, 'doctor', 'server', '--state', state])
  assert.equal(doctor.code, 1)
  assert.match(doctor.stdout, /edge WORKER_ENDED: A worker of this server was killed by the kernel/)
  assert.match(doctor.stdout, said)
})
