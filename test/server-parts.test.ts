/**
 * `backstitch server` is a control plane and an edge, each a process of its own: whatever becomes of one, the other
 * does not wait for it (promise P1), and neither outlives the server.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import https from 'node:https'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Child } from '../bench/children.ts'
import { freePort } from '../bench/ports.ts'
import { patience } from '../lab/pace.ts'
import { read, serveEcho, type TcpApp } from './client-traffic.ts'
import { Installation } from './installation.ts'

const owned = new AsyncDisposableStack()
let installation: Installation
let echo: TcpApp
let local: { host: string; port: number }
let connector: Child
let client: Child

before(async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'parts-'))
  owned.defer(() => rm(dir, { recursive: true, force: true }))
  echo = owned.use(await serveEcho())
  const reach = { domains: ['localhost'], tcp: [`${echo.port}`], addressCidrs: ['127.0.0.0/8', '::1/128'] }
  installation = owned.use(await Installation.start({ dir, reach }))
  connector = installation.startConnector(await installation.addConnector())
  await installation.passed(connector, 6)
  local = { host: '127.0.0.1', port: await freePort() }
  await installation.signIn({ listen: `${local.host}:${local.port}` })
  client = await installation.startClient()
})
after(() => owned.disposeAsync())

type Part = 'control' | 'edge'

/** Of the one that runs now. */
function pidOf(part: Part): number {
  const started = installation.logged(installation.server, 'part.started')
  return Number(started.findLast((line) => line.part === part)!.pid)
}

function lives(pid: number): boolean {
  try {
    // A process that ended and was not waited for is no process any more.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

async function until(reached: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const lateMs = performance.now() + patience(60_000)
  while (!(await reached())) {
    assert.ok(performance.now() < lateMs, what)
    await delay(20)
  }
}

const count = (child: Child, event: string) => installation.logged(child, event).length

/** Kills a part. Resolves when another has taken its place and both agents have come back. */
async function replace(part: Part): Promise<void> {
  const before = { control: count(connector, 'control.up'), client: count(client, 'control.up') }
  const old = pidOf(part)
  process.kill(old, 'SIGKILL')
  await until(() => pidOf(part) !== old, `another ${part} is started`)
  await until(
    () => count(connector, 'control.up') > before.control && count(client, 'control.up') > before.client,
    'both agents are back',
  )
}

/** Through the local proxy. @throws {Error} where it is refused. */
async function openSession(): Promise<net.Socket> {
  const socket = net.connect(local.port, local.host)
  socket.on('error', () => {})
  socket.write(`CONNECT localhost:${echo.port} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  const answer = String((await once(socket, 'data'))[0])
  if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(answer)
  return socket
}

async function says(socket: net.Socket, text: string): Promise<void> {
  socket.write(text)
  assert.equal(String(await read(socket, Buffer.byteLength(text))), text)
}

/** Sends for as long as `during` lasts and reads the echo of it. Resolves when every byte came back, in order. */
async function transfer(during: Promise<unknown>): Promise<number> {
  const socket = await openSession()
  const sent = createHash('sha256')
  const came = createHash('sha256')
  let [up, down, going] = [0, 0, true]
  socket.on('data', (part: Buffer) => {
    came.update(part)
    down += part.length
  })
  void during.finally(() => {
    going = false
  })
  for (let at = 0; going; at++) {
    const chunk = Buffer.alloc(65_536, at)
    sent.update(chunk)
    up += chunk.length
    if (!socket.write(chunk)) await once(socket, 'drain')
    await delay(1)
  }
  const ended = once(socket, 'end')
  socket.end()
  await ended
  assert.equal(down, up)
  assert.equal(came.digest('hex'), sent.digest('hex'))
  return up
}

test('kill -9 of the control plane: not a byte is lost, sessions open on grants that are valid, agents come back', async () => {
  const open = await openSession()
  const away = replace('control')
  const bulk = transfer(away)
  await says(open, 'while it is away')
  const fresh = await openSession()
  await says(fresh, 'a new one, on the grant that is there')
  await away
  assert.ok((await bulk) > 0)
  await says(open, 'and afterwards')
  assert.match(await installation.command('get', 'connectors'), /healthy/)
  open.destroy()
  fresh.destroy()
})

test('a control plane that stands still for 20 s holds up no byte and no session', async () => {
  const open = await openSession()
  const control = pidOf('control')
  process.kill(control, 'SIGSTOP')
  const stopped = delay(20_000)
  try {
    const bulk = transfer(stopped)
    await says(open, 'while it stands')
    const fresh = await openSession()
    await says(fresh, 'a new one')
    fresh.destroy()
    await bulk
  } finally {
    process.kill(control, 'SIGCONT')
  }
  await says(open, 'and afterwards')
  open.destroy()
  await until(
    async () => /healthy/.test(await installation.command('get', 'connectors')),
    'all is well again',
  )
})

test("another process's lock on the database delays no byte", async () => {
  const open = await openSession()
  const db = new DatabaseSync(path.join(installation.dir, 'server', 'backstitch.db'))
  try {
    db.exec('BEGIN EXCLUSIVE')
    await transfer(delay(3000))
    await says(open, 'while it is locked')
    db.exec('ROLLBACK')
  } finally {
    db.close()
  }
  open.destroy()
  await until(
    async () => /healthy/.test(await installation.command('get', 'connectors')),
    'all is well again',
  )
})

test('kill -9 of the edge: it is named, comes back on its port, and carries again', async () => {
  await replace('edge')
  const ended = installation.logged(installation.server, 'part.ended').at(-1)
  assert.deepEqual([ended?.part, ended?.how], ['edge', 'SIGKILL'])
  await until(async () => {
    try {
      const socket = await openSession()
      await says(socket, 'again')
      socket.destroy()
      return true
    } catch {
      return false // the tunnel is on its way
    }
  }, 'sessions open again')
})

test('metrics are those of both processes', async () => {
  const { server, token } = contextOf()
  const text = await fetchText(`${server}/metrics`, token)
  assert.match(text, /^backstitch_edge_pipes [1-9]/m)
  assert.match(text, /^backstitch_control_connections [3-9]/m)
})

test('kill -9 of the server leaves no process and no port', async () => {
  const parts = [pidOf('control'), pidOf('edge')]
  const { edge, server } = installation
  process.kill(server.pid, 'SIGKILL')
  await until(() => parts.every((pid) => !lives(pid)), 'both parts have ended')
  const probe = net.createServer().listen(edge.port, edge.host)
  await once(probe, 'listening')
  probe.close()
})

function contextOf(): { server: string; token: string } {
  const folder = path.join(installation.dir, 'server')
  const { server } = JSON.parse(readFileSync(path.join(folder, 'context.json'), 'utf8')) as { server: string }
  return { server, token: readFileSync(path.join(folder, 'admin.token'), 'utf8').trim() }
}

async function fetchText(url: string, token: string): Promise<string> {
  const request = https.get(url, {
    rejectUnauthorized: false,
    agent: false,
    headers: { authorization: `Bearer ${token}` },
  })
  const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>]
  let text = ''
  for await (const part of response) text += part
  return text
}
