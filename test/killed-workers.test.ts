/**
 * A process that carries sessions is killed while many open, end, and move much: it takes its own and nothing else, all
 * are on record once, and the next ones open. Of a connector, and of a client.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Child } from '../bench/children.ts'
import { freePort } from '../bench/ports.ts'
import { readStatus } from '../src/base/status-socket.ts'
import type { ClientStatus } from '../src/client/status.ts'
import type { ConnectorStatus } from '../src/connector/status.ts'
import { serveEcho, serveSource, type TcpApp } from './client-traffic.ts'
import { Installation } from './installation.ts'

const ECHO = 0
const SOURCE = 1
const BESIDE_EACH_OTHER = 16
const HELD = 40
const SHORT = 300
/** To one connector: a client may have brought some more meanwhile, and keeps them for a while. */
const MOST_TUNNELS = 8
/** Sessions that come closer together than half of it share a tunnel. */
const TOGETHER_MS = 40

const parts = new AsyncDisposableStack()
const ports: number[] = []
let installation: Installation
let connector: Child
let client: Child
let echo: TcpApp
let records: DatabaseSync

before(async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'killed-workers-'))
  parts.defer(() => rmSync(dir, { recursive: true, force: true }))
  echo = parts.use(await serveEcho())
  const source = parts.use(await serveSource())
  const apps = [echo.port, source.port]
  const tcp = apps.map(String)
  installation = parts.use(await Installation.start({ dir, reach: { cidrs: ['127.0.0.1/32'], tcp } }))
  connector = installation.startConnector(await installation.addConnector(), { workers: 2 })
  await installation.passed(connector, 6)
  ports.push(await freePort(), await freePort())
  const forwards = apps.map((port, at) => `127.0.0.1:${ports[at]} 127.0.0.1:${port}`)
  await installation.signIn({ listen: '127.0.0.1:0', workers: 2, forwards })
  client = await installation.startClient()
  records = new DatabaseSync(path.join(dir, 'server', 'backstitch.db'), { readOnly: true })
  parts.defer(() => records.close())
})

after(() => parts.disposeAsync())

const connectorStatus = async () =>
  (await readStatus(path.join(installation.dir, connector.name, 'status.sock'))) as ConnectorStatus
const clientStatus = async () =>
  (await readStatus(path.join(installation.stateOf('client'), 'status.sock'))) as ClientStatus

function open(service: number): net.Socket {
  const socket = net.connect({ host: '127.0.0.1', port: ports[service]!, noDelay: true })
  parts.defer(() => void socket.destroy())
  return socket.on('error', () => {})
}

/** However it ends. */
function closing(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

/** One message there and back. @returns false where it has closed. */
function roundTrip(socket: net.Socket): Promise<boolean> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve(false)
    socket.once('data', () => resolve(true)).once('close', () => resolve(false))
    socket.write('x')
  })
}

/** One that ends in order. */
async function short(): Promise<void> {
  const socket = open(ECHO)
  const closed = closing(socket)
  assert.ok(await roundTrip(socket))
  socket.end()
  await closed
}

async function until(reached: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await reached())) await pause(20)
}

/** Of the application that answers, as the books have them. */
function books(): { all: number; open: number; continued: number; by: Record<string, number> } {
  const rows = records
    .prepare('select state, close_reason as reason, record from session where port = ?')
    .all(echo.port) as { state: string; reason: string; record: string }[]
  const by: Record<string, number> = {}
  for (const { reason } of rows) by[reason] = (by[reason] ?? 0) + 1
  return {
    all: rows.length,
    open: rows.filter(({ state }) => state === 'open').length,
    continued: rows.filter(({ record }) => record.includes('"continuedAs"')).length,
    by,
  }
}

/** Sessions that stay, some bulk, and short ones one after the other. */
class Load {
  readonly held: net.Socket[] = []
  readonly bulk: net.Socket[] = []
  answered = 0
  failed = 0
  lastFailedMs = 0
  #stopping = false
  #short: Promise<void>[] = []

  get begun(): number {
    return this.answered + this.failed + HELD
  }

  async start(): Promise<void> {
    for (let half = 0; half < 2; half++) {
      // What comes together stays together: these come later, and into the other tunnel.
      if (half === 1) await pause(TOGETHER_MS)
      const some = Array.from({ length: HELD / 2 }, () => open(ECHO))
      assert.ok((await Promise.all(some.map(roundTrip))).every(Boolean))
      this.held.push(...some)
    }
    for (let n = 0; n < 2; n++) this.bulk.push(open(SOURCE).resume())
    this.#short = Array.from({ length: BESIDE_EACH_OTHER }, () => this.#oneByOne())
    await until(() => this.answered > SHORT)
  }

  async #oneByOne(): Promise<void> {
    while (!this.#stopping) {
      const socket = open(ECHO)
      const closed = closing(socket)
      if (await roundTrip(socket)) this.answered++
      else {
        this.failed++
        this.lastFailedMs = performance.now()
      }
      socket.end()
      await closed
    }
  }

  /** Resolves when all that is left has ended in order. @returns how many of those that stayed were lost. */
  async end(): Promise<number> {
    this.#stopping = true
    await Promise.all(this.#short)
    const alive = await Promise.all(this.held.map(roundTrip))
    for (const socket of [...this.held, ...this.bulk]) socket.end().resume()
    for (const socket of this.bulk) socket.destroy()
    await until(() => this.held.every(({ closed }) => closed))
    return alive.filter((is) => !is).length
  }
}

const descriptorsOf = ({ pid }: Child) => readdirSync(`/proc/${pid}/fd`).length

test('a process of a connector is killed under load', async (t: TestContext) => {
  await short()
  await until(async () => (await connectorStatus()).workers.every(({ tunnels }) => tunnels > 0))
  const before = descriptorsOf(connector)
  const load = new Load()
  await load.start()
  const victim = (await connectorStatus()).workers[0]!
  const killedMs = performance.now()
  process.kill(victim.pid!, 'SIGKILL')
  const answered = load.answered
  await until(async () => (await connectorStatus()).workers[0]!.restarts === 1)
  await until(() => load.answered > answered + SHORT)
  const lost = await load.end()
  assert.ok(lost > 0 && lost < HELD, `${lost} were in it`)
  const { all, open: left, continued, by } = await settled(0)
  t.diagnostic(
    `${JSON.stringify({ begun: load.begun, failed: load.failed, lost, all, left, continued, by })}`,
  )
  t.diagnostic(`the last one failed ${Math.round(load.lastFailedMs - killedMs)} ms after the end`)
  assert.equal(all - continued, load.begun + 1, 'one record of each')
  const { done, TUNNEL_LOST, ...others } = by
  assert.deepEqual(others, {})
  assert.ok(TUNNEL_LOST! >= lost + load.failed)
  // What the client brings in place of the tunnel that was lost is carried by the next process, and not beside the other.
  await until(async () => (await connectorStatus()).workers.every(({ tunnels }) => tunnels > 0))
  await until(() => descriptorsOf(connector) <= before)
  assert.equal(installation.logged(connector, 'session.defect').length, 0)
})

/** When nobody has anything to tell any more. @param bulk Sessions that still go on. */
async function settled(bulk: number) {
  await until(async () => {
    const [{ sessions }, { sessionReportsWaiting }] = [await connectorStatus(), await clientStatus()]
    return sessions === bulk && sessionReportsWaiting === 0 && books().open === 0
  })
  return books()
}

test('a process of a client is killed under load', async (t: TestContext) => {
  // Where bulk is carried, the sessions that come are carried by another process.
  const bulk = open(SOURCE).resume()
  const isServing = () => installation.logged(client, 'tunnel.open').some(({ worker }) => worker === 1)
  while (!isServing()) await short()
  const already = await settled(1)
  const before = descriptorsOf(client)
  const load = new Load()
  await load.start()
  const [victim] = (await clientStatus()).workers
  const killedMs = performance.now()
  process.kill(victim!, 'SIGKILL')
  const answered = load.answered
  await until(async () => {
    const [next] = (await clientStatus()).workers
    return next !== undefined && next !== victim
  })
  await until(() => load.answered > answered + SHORT)
  const lost = await load.end()
  const { all, open: left, continued, by } = await settled(1)
  t.diagnostic(
    `${JSON.stringify({ already, begun: load.begun, failed: load.failed, lost, all, left, continued, by })}`,
  )
  t.diagnostic(`the last one failed ${Math.round(load.lastFailedMs - killedMs)} ms after the end`)
  assert.ok(lost > 0, `${lost} were in it`)
  const mine = all - continued - (already.all - already.continued)
  // What had not begun when the process was killed was nobody's session yet.
  assert.ok(mine <= load.begun && mine >= load.begun - load.failed, `${mine} of ${load.begun}`)
  const { done, TUNNEL_LOST, ...others } = by
  assert.deepEqual(others, {})
  bulk.destroy()
  await until(() => descriptorsOf(client) <= before + MOST_TUNNELS)
})
