import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { FAULTS, Fault } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import { StateDir } from '../../base/state-dir.ts'
import { DIRECT } from '../../link/dial/egress.ts'
import type { AgentMessage, KnownEdge } from '../../wire/control.ts'
import { EdgeCache } from './edge-cache.ts'
import { EdgeRoute, type EdgeRouteOptions } from './edge-route.ts'

const FIRST = { host: 'home.example', port: 443 }
const HOME: KnownEdge = { id: 'edg_home', name: 'home', region: '', ...FIRST }
const lost = new Fault('EGRESS_REJECTED', 'refused')

interface Bench extends AsyncDisposable {
  readonly route: EdgeRoute
  readonly cache: EdgeCache
  readonly sent: AgentMessage[]
  /** Resolves when what was measured has been told. */
  told(times?: number): Promise<void>
  moves: number
}

async function open(o: Partial<EdgeRouteOptions> = {}): Promise<Bench> {
  const dir = await mkdtemp(path.join(tmpdir(), 'route-'))
  const cache = await EdgeCache.open(await StateDir.open(dir), silentLog)
  const sent: AgentMessage[] = []
  let waiting: { times: number; resolve: () => void } | undefined
  const route = new EdgeRoute({
    cache,
    first: FIRST,
    egress: () => DIRECT,
    log: silentLog,
    send: (message) => {
      sent.push(message)
      if (waiting && sent.length >= waiting.times) waiting.resolve()
    },
    move: () => {
      bench.moves++
    },
    isIdle: () => true,
    ...o,
  })
  const bench: Bench = {
    ...{ route, cache, sent, moves: 0 },
    told(times = 1) {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting = { times, resolve }
      if (sent.length >= times) resolve()
      return promise
    },
    async [Symbol.asyncDispose]() {
      route[Symbol.dispose]()
      await cache.settled()
      await rm(dir, { recursive: true })
    },
  }
  return bench
}

function welcome(edges: KnownEdge[], via = HOME.id) {
  return {
    ...{ type: 'welcome' as const, agent: 'con_1', tenant: 't', serverTimeMs: 1, revoked: [] },
    edge: { id: via, ...FIRST },
    edges,
  }
}

/** Something that accepts, as an edge does. */
async function listening(name: string): Promise<KnownEdge & AsyncDisposable> {
  const server = net.createServer((socket) => socket.on('error', () => {}).resume())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return {
    ...{ id: `edg_${name}`, name, region: '', host: '127.0.0.1', port },
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}

function plain({ id, name, region, host, port }: KnownEdge): KnownEdge {
  return { id, name, region, host, port }
}

test('before anything is known there is one edge: that of the key', async () => {
  await using t = await open()
  assert.deepEqual(t.route.next(), FIRST)
  assert.equal(t.route.failed(lost), false, 'there is no other to be tried at once')
  assert.deepEqual(t.route.next(), FIRST)
  assert.equal(t.route.patienceMs, undefined)
})

test('after a restart the nearest that was known comes first, then the others, each once', async () => {
  await using t = await open()
  const near = { id: 'edg_near', name: 'near', region: '', host: 'near.example', port: 443 }
  t.cache.learn([HOME, near])
  t.cache.reached('edg_home', 60_000)
  t.cache.reached('edg_near', 2_000)
  assert.equal(t.route.next().host, 'near.example')
  assert.ok(t.route.patienceMs! <= 3000, 'a silent edge is not waited for when there is another')
  assert.equal(t.route.failed(lost), true)
  assert.equal(t.route.next().host, 'home.example')
  assert.equal(t.route.failed(lost), false, 'all were tried: now there is a pause')
  t.route.next()
  assert.equal(t.route.patienceMs, undefined, 'where no edge is quick, the slow one is waited for')
})

test('what the control plane refuses with is no reason to try another edge', async () => {
  await using t = await open()
  t.cache.learn([HOME, { ...HOME, id: 'edg_b', host: 'b.example' }])
  t.route.next()
  assert.equal(t.route.failed(new Fault('IDENTITY_REVOKED', 'disabled')), false)
})

test('an edge that drains or is away is not gone to; what is open there is told of', async () => {
  const draining: string[] = []
  await using t = await open({ onDraining: (edge) => draining.push(edge) })
  t.route.learn([HOME, { ...HOME, id: 'edg_b', name: 'b', host: 'b.example', out: 'draining' }])
  t.route.next()
  assert.equal(t.route.failed(lost), false)
  assert.deepEqual(draining, ['edg_b'])
})

test('connected, all edges are measured and told; one that does not answer has its reason', async () => {
  await using near = await listening('near')
  await using gone = await listening('gone')
  await gone[Symbol.asyncDispose]()
  await using t = await open()
  t.route.next()
  t.route.up(welcome([plain(near), plain(gone)], near.id))
  await t.told()
  const [message] = t.sent
  assert.ok(message?.type === 'edges')
  const [first, second] = message.seen
  assert.ok(first?.edge === near.id && first.rttUs! > 0)
  assert.equal(second?.fault?.code, 'EGRESS_REJECTED')
  assert.deepEqual(
    t.route.report().map(({ name, inUse }) => [name, inUse]),
    [
      ['near', true],
      ['gone', false],
    ],
  )
  assert.deepEqual(t.route.notes, [], 'nobody knows that it would be nearer')
})

test('an edge of our region that does not answer: EDGE_FAR says why, until there is no such edge', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  await using far = await listening('far')
  await using t = await open()
  const near = { id: 'edg_near', name: 'near', region: 'eu', host: '127.0.0.1', port: 1 }
  t.route.next()
  t.route.up({ ...welcome([plain(far), near], far.id), region: 'eu' })
  await t.told()
  assert.equal(t.route.notes.length, 0, 'a moment of it is no news')
  context.mock.timers.tick(FAULTS.EDGE_FAR.visibleAfterMs)
  const [note] = t.route.notes
  assert.equal(note?.code, 'EDGE_FAR')
  assert.match(note.detail, /^far is used, .* away; not used: near \(region eu\): EGRESS_REJECTED: /)
  t.route.learn([plain(far)])
  await t.told(2)
  assert.deepEqual(t.route.notes, [])
})

test('a pipe that could not be brought to an edge is told at once, once it was the way', async () => {
  await using t = await open()
  t.cache.learn([HOME])
  t.route.pipeFailed('edg_home', new Fault('TICKET_INVALID', 'used before'))
  t.route.pipeFailed('edg_unknown', lost)
  assert.equal(t.sent.length, 0)
  t.route.pipeFailed('edg_home', lost)
  assert.deepEqual(
    t.sent.map((message) => message.type === 'edges' && message.seen[0]?.fault?.code),
    ['EGRESS_REJECTED'],
  )
})

test('an edge that takes halves which lead nowhere is told as such, also when it is measured anew, and another one is there', async () => {
  await using near = await listening('near')
  await using far = await listening('far')
  await using t = await open()
  t.route.next()
  t.route.up(welcome([plain(near), plain(far)], near.id))
  await t.told()
  const nowhere = new Fault('TUNNEL_LOST', 'the pipe closed')
  assert.equal(t.route.pipeLost('edg_unknown', nowhere), false)
  assert.equal(t.route.pipeLost(near.id, nowhere), true)
  const told = () => {
    const last = t.sent.at(-1)
    assert.ok(last?.type === 'edges')
    return last.seen.map(({ edge, rttUs, fault }) => [edge, rttUs !== undefined, fault?.code])
  }
  const wanted = [
    [near.id, false, 'TUNNEL_LOST'],
    [far.id, true, undefined],
  ]
  assert.deepEqual(told(), wanted)
  t.route.learn([plain(near), plain(far)])
  await t.told(3)
  assert.deepEqual(told(), wanted)
  assert.equal(t.moves, 0, 'the control connection is carried')
  assert.equal(t.route.pipeLost(far.id, nowhere), false, 'there is no other')
})

test('an edge set by hand is the only one, and tickets for it lead there; fixed addresses go with others', async () => {
  const pinned = { edge: { host: '10.0.0.9', port: 8443 }, by: 'the flag' }
  await using t = await open({ pinned })
  const other = { ...HOME, id: 'edg_b', host: 'b.example', addresses: ['192.0.2.7'] }
  assert.deepEqual(t.route.next(), pinned.edge)
  t.route.up(welcome([HOME, other]))
  const ticket = (edge: KnownEdge) => ({
    ...{ pipe: 'pip_1', ticket: 'a.b.c', peer: 'x', ticketUs: 0 },
    edge: { id: edge.id, host: edge.host, port: edge.port },
  })
  assert.equal(t.route.reroute(ticket(HOME)).edge.host, '10.0.0.9')
  assert.deepEqual(t.route.reroute(ticket(other)).edge, {
    ...{ id: 'edg_b', host: 'b.example', port: 443 },
    addresses: ['192.0.2.7'],
  })
})
