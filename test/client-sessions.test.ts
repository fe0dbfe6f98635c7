import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { Fault } from '../src/base/faults.ts'
import { readStatus } from '../src/base/status-socket.ts'
import { parseForward } from '../src/client/address/forward-spec.ts'
import type { Client } from '../src/client/client.ts'
import { runForward } from '../src/client/commands/forward.ts'
import { runStdio } from '../src/client/commands/stdio.ts'
import { openClientSite, until } from './client-site.ts'
import { listenUdp, read, readAll, serveEcho, serveTcp } from './client-traffic.ts'

/** A site with one connector, a signed-in user and a running client. */
async function openRunning(t: { after(work: () => unknown): void }, forwards: string[] = []) {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  const connector = await site.connector('connector')
  await site.signIn()
  const { client } = await site.client({ forwards: forwards.map(parseForward) })
  return { site, client, connector }
}

async function echoOf(t: { after(work: () => unknown): void }) {
  const echo = await serveEcho()
  t.after(() => echo[Symbol.asyncDispose]())
  return echo
}

function dial(address: string): net.Socket {
  const at = address.lastIndexOf(':')
  const socket = net.connect({
    host: address.slice(0, at),
    port: Number(address.slice(at + 1)),
    allowHalfOpen: true,
  })
  socket.on('error', () => {})
  return socket
}

function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}

const forwardOf = (client: Client, index = 0) => client.status().forwards[index]!.local

test('a forward carries 40 MB each way unchanged, through half-closes, and control has one record of both ends', async (t) => {
  const up = randomBytes(40_000_000)
  const down = randomBytes(40_000_000)
  const sink = createHash('sha256')
  const app = await serveTcp((socket) => {
    socket.on('data', (chunk) => sink.update(chunk))
    socket.on('end', () => socket.end(down))
  })
  t.after(() => app[Symbol.asyncDispose]())
  const { site, client } = await openRunning(t, [`127.0.0.1:0 localhost:${app.port}`])
  const socket = dial(forwardOf(client))
  socket.end(up)
  const got = await readAll(socket)
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  assert.equal(sink.digest('hex'), hash(up))
  assert.equal(hash(got), hash(down))

  const store = site.site.control.store
  await until(async () =>
    (await store.sessions.list({ limit: 10 })).items.some(
      ({ sides }) => sides.client?.state === 'closed' && sides.connector?.state === 'closed',
    ),
  )
  const [record] = (await store.sessions.list({ limit: 10 })).items
  assert.equal(record?.bytesUp, up.length)
  assert.equal(record?.bytesDown, down.length)
  assert.equal(record?.closeReason, 'done')
  for (const time of [
    'policyUs',
    'selectionUs',
    'ticketUs',
    'handoverUs',
    'innerTlsUs',
    'connectUs',
    'totalUs',
  ] as const) {
    assert.ok(record?.times[time] !== undefined, time)
  }
})

test('a UDP forward keeps the flows of two programs apart', async (t) => {
  const app = await listenUdp('127.0.0.1', (message, from, socket) => {
    socket.send(`${from.port}:${message}`, from.port, from.address)
  })
  t.after(() => app[Symbol.asyncDispose]())
  const { client } = await openRunning(t, [`udp/127.0.0.1:0 127.0.0.1:${app.port}`])
  const local = Number(forwardOf(client).split(':')[1])
  const programs = [await listenUdp('127.0.0.1'), await listenUdp('127.0.0.1')]
  t.after(() => Promise.all(programs.map((one) => one[Symbol.asyncDispose]())))
  const answers: string[] = []
  for (const [i, { socket }] of programs.entries()) {
    socket.send(`from ${i}`, local, '127.0.0.1')
    const [answer] = (await once(socket, 'message')) as [Buffer]
    answers.push(String(answer))
    assert.ok(String(answer).endsWith(`from ${i}`))
  }
  assert.notEqual(
    answers[0]!.split(':')[0],
    answers[1]!.split(':')[0],
    'each flow has its own source port at the application',
  )
  assert.equal(client.status().sessions.open, 2)
})

for (const daemon of [true, false]) {
  const how = daemon ? 'through the running client' : 'with a client of its own'
  test(`stdio, ${how}: bytes, half-close, and on stderr why when it fails`, async (t) => {
    const echo = await echoOf(t)
    const site = await openClientSite()
    t.after(() => site[Symbol.asyncDispose]())
    await site.connector('connector')
    await site.signIn()
    const running = daemon ? await site.client() : undefined
    const run = async (host: string, port: number, input: Buffer) => {
      const stdin = new PassThrough()
      const stdout = new PassThrough()
      const stderr = new PassThrough()
      stdin.end(input)
      const code = runStdio({
        host,
        port,
        client: site.options(),
        stdin,
        stdout,
        stderr,
        signal: AbortSignal.timeout(20_000),
      })
      const output = readAll(stdout)
      const exit = await code
      stdout.end()
      stderr.end()
      return { exit, output: await output, error: (await readAll(stderr)).toString() }
    }
    const input = randomBytes(3_000_000)
    const good = await run('localhost', echo.port, input)
    assert.deepEqual([good.exit, good.error], [0, ''])
    assert.ok(good.output.equals(input))

    const bad = await run('secret.test', 443, Buffer.alloc(0))
    assert.equal(bad.exit, 1)
    assert.match(
      bad.error,
      /^backstitch: secret\.test:443: POLICY_DENIED \(control\): .*no secrets.*\n( {2}(cause|fix|ask|more) .*\n){4}$/,
    )
    const spelled = await run('bad host', 443, Buffer.alloc(0))
    assert.match(
      spelled.error,
      /^backstitch: bad host:443: BAD_DESTINATION \(client\): [^\n]*\n( {2}(cause|fix|more) .*\n){3}$/,
    )
    if (running) assert.equal(running.client.status().sessions.total, 2, 'the daemon carried it')
  })
}

test('client forward uses the running client, and the port goes with the command', async (t) => {
  const echo = await echoOf(t)
  const { site, client } = await openRunning(t)
  const ending = new AbortController()
  const listening = Promise.withResolvers<string>()
  const running = runForward({
    forward: parseForward(`127.0.0.1:0 localhost:${echo.port}`),
    client: site.options(),
    listening: listening.resolve,
    trouble: ({ fault }) => assert.fail(fault),
    signal: ending.signal,
  })
  const address = await listening.promise
  const socket = dial(address)
  socket.end('through')
  assert.equal((await readAll(socket)).toString(), 'through')
  assert.equal(client.status().sessions.total, 1)
  ending.abort()
  await running
  await until(async () => {
    const probe = dial(address)
    const refused = await new Promise((resolve) =>
      probe.once('error', () => resolve(true)).once('connect', () => resolve(false)),
    )
    probe.destroy()
    return refused === true
  })
})

test('a second client on the same state is refused by name; the status socket tells about the first', async (t) => {
  const { site, client } = await openRunning(t)
  const status = (await readStatus(path.join(site.clientDir, 'status.sock'))) as {
    role: string
    proxy: string
  }
  assert.equal(status.role, 'client')
  assert.equal(status.proxy, client.proxyAddress)
  for (const name of ['status.sock', 'control.sock', 'profile.json']) {
    assert.equal((await stat(path.join(site.clientDir, name))).mode & 0o777, 0o600, name)
  }
  assert.equal((await stat(site.clientDir)).mode & 0o777, 0o700)
  await assert.rejects(site.client(), (fault: Fault) => fault.code === 'STATE_IN_USE')
})

test('nobody signed in: sessions are refused with REAUTH_NEEDED, and signing in is enough to go on', async (t) => {
  const echo = await echoOf(t)
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.connector('connector')
  const { client } = await site.client({ forwards: [parseForward(`127.0.0.1:0 localhost:${echo.port}`)] })
  const before = dial(forwardOf(client))
  await closed(before)
  assert.equal(client.status().decisions[0]!.code, 'REAUTH_NEEDED')
  assert.equal(client.status().state, 'signed-out')
  await site.signIn()
  const socket = dial(forwardOf(client))
  socket.end('in')
  assert.equal((await readAll(socket)).toString(), 'in')
})

test('the control plane is away: sessions and tunnels go on, granted destinations open, others say why not', async (t) => {
  const echo = await echoOf(t)
  const other = await echoOf(t)
  const { site, client } = await openRunning(t, [
    `127.0.0.1:0 localhost:${echo.port}`,
    `127.0.0.1:0 localhost:${other.port}`,
  ])
  const live = dial(forwardOf(client))
  live.write('a')
  assert.equal(String(await read(live, 1)), 'a')
  const { control } = site.site
  const attach = control.attach
  control.attach = (channel) => channel.close() // whoever connects is turned away
  for (const { channel } of control.presence.allClients()) channel.close()
  await until(() => client.status().state !== 'connected')

  live.write('b')
  assert.equal(String(await read(live, 1)), 'b')
  const again = dial(forwardOf(client))
  again.end('c')
  assert.equal((await readAll(again)).toString(), 'c')
  const denied = dial(forwardOf(client, 1))
  await closed(denied)
  assert.equal(client.status().decisions[0]!.code, 'CONTROL_UNREACHABLE')

  control.attach = attach
  await until(() => client.status().state === 'connected')
  const back = dial(forwardOf(client, 1))
  back.end('d')
  assert.equal((await readAll(back)).toString(), 'd')
  live.destroy()
})

test('taking a permission away cuts the live session and refuses the next', async (t) => {
  const echo = await echoOf(t)
  const { site, client } = await openRunning(t, [`127.0.0.1:0 localhost:${echo.port}`])
  const live = dial(forwardOf(client))
  live.write('a')
  await read(live, 1)
  await site.site.control.store.objects.put({
    kind: 'access-rule',
    name: 'nothing any more',
    spec: { description: '', enabled: true, order: 0, action: 'deny', conditions: {} },
  })
  await closed(live)
  await until(() => client.status().grants.length === 0)
  const next = dial(forwardOf(client))
  await closed(next)
  const [decision] = client.status().decisions
  assert.equal(decision?.code, 'CLIENT_NOT_COVERED')
  assert.match(decision?.because ?? '', /no application available to you/)
})

test('the certificate is renewed at two thirds of its life: sessions go on, new ones use new tunnels', async (t) => {
  const echo = await echoOf(t)
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.connector('connector')
  await site.signIn()
  const file = path.join(site.clientDir, 'profile.json')
  const profile = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...profile, receivedMs: Date.now() - 100 * 3_600_000 })) // most of its life is over
  const { client } = await site.client({ forwards: [parseForward(`127.0.0.1:0 localhost:${echo.port}`)] })
  const live = dial(forwardOf(client))
  live.write('a')
  await read(live, 1)
  const pipes = new Set(client.status().tunnels.map(({ pipe }) => pipe))
  await until(() => client.status().certificate?.generation === 2)
  await until(() => client.status().tunnels.some(({ retired }) => retired))
  live.write('b')
  assert.equal(String(await read(live, 1)), 'b')
  const next = dial(forwardOf(client))
  next.write('c')
  assert.equal(String(await read(next, 1)), 'c')
  const carrying = client.status().tunnels.filter(({ streams }) => streams > 0)
  assert.deepEqual(carrying.map(({ pipe, retired }) => [pipes.has(pipe), retired]).sort(), [
    [false, false],
    [true, true],
  ])
  live.destroy()
  next.destroy()
})

test('a connector that goes away: the next session is there within 3 s, through the other one', async (t) => {
  const echo = await echoOf(t)
  const { site, client, connector } = await openRunning(t, [`127.0.0.1:0 localhost:${echo.port}`])
  const first = dial(forwardOf(client))
  first.end('1')
  await readAll(first)
  await site.connector('second')
  await connector.stop()
  const startMs = performance.now()
  let text = ''
  while (text !== '2' && performance.now() - startMs < 3000) {
    const next = dial(forwardOf(client))
    next.end('2')
    text = (await readAll(next).catch(() => Buffer.alloc(0))).toString()
  }
  assert.equal(text, '2')
})

test('tunnels that are lost come back by themselves, before anybody asks', async (t) => {
  const echo = await echoOf(t)
  const { site, client } = await openRunning(t, [`127.0.0.1:0 localhost:${echo.port}`])
  const first = dial(forwardOf(client))
  first.end('1')
  await readAll(first)
  await until(() => client.status().tunnels.length === 2)
  const pipes = new Set(client.status().tunnels.map(({ pipe }) => pipe))
  const total = client.status().sessions.total
  site.site.cut(({ identity }) => identity.role === 'client') // cuts pipes and control connection alike
  await until(() => client.status().tunnels.filter(({ pipe }) => !pipes.has(pipe)).length === 2)
  assert.equal(client.status().sessions.total, total)
})

test('bulk in one tunnel leaves another to what is typed', async (t) => {
  const echo = await echoOf(t)
  const source = await serveTcp((socket) => {
    const block = Buffer.alloc(1_000_000)
    const fill = () => {
      while (socket.write(block)) if (socket.destroyed) return
    }
    socket.on('drain', fill)
    fill()
  })
  t.after(() => source[Symbol.asyncDispose]())
  const { client } = await openRunning(t, [
    `127.0.0.1:0 localhost:${source.port}`,
    `127.0.0.1:0 localhost:${echo.port}`,
  ])
  const bulk = dial(forwardOf(client))
  bulk.resume()
  await until(() => client.status().tunnels.length >= 2)
  await until(() => client.status().tunnels.some((tunnel) => tunnel.bytesPerSecond > 10_000_000))
  const typed = dial(forwardOf(client, 1))
  typed.write('x')
  await read(typed, 1)
  const busy = client.status().tunnels.filter((tunnel) => tunnel.streams > 0)
  assert.equal(busy.length, 2, 'each has a tunnel of its own')
  bulk.destroy()
  typed.destroy()
})

test('a stop cuts what is open within two seconds, and the records of it still reach control', async (t) => {
  const echo = await echoOf(t)
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.connector('connector')
  await site.signIn()
  const { client, stop } = await site.client({
    forwards: [parseForward(`127.0.0.1:0 localhost:${echo.port}`)],
  })
  const live = dial(forwardOf(client))
  live.write('a')
  await read(live, 1)
  const startMs = performance.now()
  await stop()
  assert.ok(performance.now() - startMs < 2000)
  await closed(live)
  const { sessions } = site.site.control.store
  await until(async () => (await sessions.list({ limit: 1 })).items[0]?.closeReason === 'CLIENT_STOPPED')
})
