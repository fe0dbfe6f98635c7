import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Child } from '../bench/children.ts'
import { freePort } from '../bench/ports.ts'
import type { EdgeReport } from '../src/agent/edges/edge-monitor.ts'
import { readStatus } from '../src/base/status-socket.ts'
import type { ClientStatus } from '../src/client/status.ts'
import type { FaultMessage } from '../src/wire/control.ts'
import { read, serveEcho, type TcpApp } from './client-traffic.ts'
import { Distances } from './distances.ts'
import { Installation, PROGRAM } from './installation.ts'
import { finish } from './program.ts'

/** The server is a continent away, the second edge is next door. */
const FAR_MS = 60

interface World extends AsyncDisposable {
  readonly installation: Installation
  readonly near: { readonly child: Child; readonly address: { readonly port: number } }
  readonly proxy: Distances
  readonly echo: TcpApp
  readonly local: { host: string; port: number }
  readonly client: Child
}

/** A server far away, an edge nearby, a connector and a client that see both. */
async function openWorld(): Promise<World> {
  await using opening = new AsyncDisposableStack()
  const dir = await mkdtemp(path.join(tmpdir(), 'edges-'))
  opening.defer(() => rm(dir, { recursive: true, force: true }))
  const proxy = opening.use(await Distances.open())
  const echo = opening.use(await serveEcho())
  const reach = { domains: ['localhost'], tcp: [`${echo.port}`], addressCidrs: ['127.0.0.0/8', '::1/128'] }
  const installation = opening.use(await Installation.start({ dir, reach }))
  proxy.lateMs.set(installation.edge.port, FAR_MS)
  await writeFile(installation.proxyFile, `127.0.0.1:${proxy.port}\n`)
  const near = await installation.startEdge('near')
  const connector = installation.startConnector(await installation.addConnector())
  await installation.passed(connector, 6)
  const local = { host: '127.0.0.1', port: await freePort() }
  await installation.signIn({ listen: `${local.host}:${local.port}` })
  const client = await installation.startClient()
  const owned = opening.move()
  return {
    ...{ installation, near, proxy, echo, local, client },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What the status of both has. */
interface Told {
  readonly edges: readonly EdgeReport[]
  readonly notes: readonly FaultMessage[]
  /** Of the client. */
  readonly tunnels: ClientStatus['tunnels']
}

type Daemon = 'connector-1' | 'client'

async function statusOf({ installation }: World, daemon: Daemon): Promise<Told> {
  return (await readStatus(path.join(installation.dir, daemon, 'status.sock'))) as Told
}

/** Resolves when the status of both daemons is so. */
async function bothAre(world: World, so: (status: Told) => boolean, what: string): Promise<void> {
  for (const daemon of ['connector-1', 'client'] as const) {
    const untilMs = performance.now() + 30_000
    for (;;) {
      const status = await statusOf(world, daemon)
      if (so(status)) break
      assert.ok(performance.now() < untilMs, `${daemon}: ${what}: ${JSON.stringify(status.edges)}`)
      await delay(20)
    }
  }
}

const isAt = (name: string) => (status: Told) => status.edges.some((edge) => edge.inUse && edge.name === name)

/** Through the local proxy. @throws {Error} where it is refused. */
async function openSession({ local, echo }: World): Promise<net.Socket> {
  const socket = net.connect(local.port, local.host)
  socket.on('error', () => {})
  socket.write(`CONNECT localhost:${echo.port} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  const status = String(await read(socket, 12))
  if (!status.endsWith('200')) throw new Error(status)
  for (let head = ''; !head.endsWith('\r\n\r\n'); ) head += String(await read(socket, 1))
  return socket
}

/** One session. @returns whether the application answered. */
async function session(world: World): Promise<boolean> {
  try {
    const socket = await openSession(world)
    socket.write('hello')
    const answered = String(await read(socket, 5)) === 'hello'
    socket.destroy()
    return answered
  } catch {
    return false
  }
}

/** Resolves when there is a record of a session over this edge, for this reason. */
async function recorded({ installation }: World, edge: RegExp): Promise<void> {
  const untilMs = performance.now() + 15_000
  for (;;) {
    const sessions = JSON.parse(await installation.command('--json', 'get', 'sessions')) as {
      names: { edge?: string }
      edgeBecause?: string
    }[]
    const used = sessions.map(({ names, edgeBecause }) => `${names.edge}, because ${edgeBecause}`).join('\n')
    if (edge.test(used)) return
    assert.ok(performance.now() < untilMs, used)
  }
}

test('agents and pipes are at the nearer edge; when it is killed, new sessions within 3 s and agents elsewhere', async (t) => {
  await using world = await openWorld()
  const { installation, near } = world
  await bothAre(world, isAt('near'), 'moves to the nearer edge')
  assert.equal(await session(world), true)
  const tunnels = (await statusOf(world, 'client')).tunnels
  const nearId = (await statusOf(world, 'client')).edges.find((edge) => edge.name === 'near')!.id
  assert.ok(tunnels.some((tunnel) => tunnel.edge === nearId))

  const killedMs = performance.now()
  await installation.stop(near.child, 'SIGKILL')
  let tookMs = 0
  for (let ok = false; !ok; tookMs = performance.now() - killedMs) {
    ok = await session(world)
    assert.ok(performance.now() - killedMs < 20_000, 'no session')
  }
  assert.ok(tookMs < 3000, `new sessions after ${Math.round(tookMs)} ms`)
  await bothAre(world, isAt('embedded'), 'is at the edge that is left')
  assert.equal(await session(world), true)
  await recorded(world, /^near, because edge near: .* to the client \+ .* to the connector; next embedded/m)
  await recorded(world, /^embedded, because edge embedded: /m)
  t.diagnostic(`new sessions ${Math.round(tookMs)} ms after kill -9`)
})

test('a nearer edge that cannot be reached any more: EDGE_FAR says which, how near it was, and why', async () => {
  await using world = await openWorld()
  await bothAre(world, isAt('near'), 'moves to the nearer edge')
  world.proxy.block(world.near.address.port)
  const isFar = ({ notes }: Told) => notes.some(({ code }) => code === 'EDGE_FAR')
  await bothAre(world, (status) => isAt('embedded')(status) && isFar(status), 'says EDGE_FAR')
  const { notes } = await statusOf(world, 'connector-1')
  const { detail, hop, seen } = notes.find(({ code }) => code === 'EDGE_FAR')!
  assert.equal(hop, 'edge')
  assert.match(detail, /^embedded is used, \d+ ms away; not used: near \(.* ms\): PROXY_REFUSED: .*403/)
  assert.match(String(seen?.chosen), /^embedded \(\d+ ms\)$/)

  const state = path.join(world.installation.dir, 'connector-1')
  const doctor = [PROGRAM, 'doctor', 'connector', '--state', state, '--config', `${state}.yaml`] as const
  const { stdout, code } = await finish(doctor, { env: { BACKSTITCH_CONTEXT: '/nowhere' } })
  assert.match(stdout, /^edge EDGE_FAR/)
  assert.match(stdout, /nearer: near \(127\.0\.0\.1:\d+, was \d.* ms away\), not used: PROXY_REFUSED: .*403/)
  assert.equal(code, 1)
  assert.equal(await session(world), true)
})

test('an edge that is stopped in order loses nothing: sessions go on elsewhere before it is gone', async () => {
  await using world = await openWorld()
  await bothAre(world, isAt('near'), 'moves to the nearer edge')
  assert.equal(await session(world), true)
  const open = await openSession(world)
  process.kill(world.near.child.pid, 'SIGTERM')
  const through = async () => (await statusOf(world, 'client')).tunnels.filter((tunnel) => !tunnel.retired)
  for (let moved = false; !moved; ) {
    assert.equal(await session(world), true, 'a new session while the edge drains')
    const atNear = (await statusOf(world, 'client')).edges.find(({ name }) => name === 'near')?.id
    const tunnels = await through()
    moved = tunnels.length > 0 && tunnels.every(({ edge }) => edge !== atNear)
  }
  open.write('still')
  assert.equal(String(await read(open, 5)), 'still')
  open.end()
  const drained = () => world.installation.logged(world.near.child, 'edge.drained').length > 0
  await world.installation.until(world.client, drained, 'let go of the edge')
  assert.equal(world.installation.logged(world.near.child, 'edge.drained')[0]?.cut, 0)
  await bothAre(world, isAt('embedded'), 'is at the edge that is left')
  assert.equal(await session(world), true)
})
