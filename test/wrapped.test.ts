/** A middlebox that lets only TLS records through, on the way of the client, of the connector, and of both. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../src/base/clock.ts'
import { programFile } from '../src/base/program-files.ts'
import { parseForward } from '../src/client/address/forward-spec.ts'
import { openMiddlebox } from '../src/link/dial/middlebox.fixture.ts'
import { openClientSite, until } from './client-site.ts'
import { readAll, serveEcho, serveTcp } from './client-traffic.ts'

/** The middlebox in front of the edge, and the proxy that leads through it. */
async function openPath(t: TestContext, edge: { port: number }) {
  const box = await openMiddlebox({ host: '127.0.0.1', port: edge.port })
  t.after(() => box[Symbol.asyncDispose]())
  const sockets = new Set<net.Socket>()
  const server = http.createServer()
  server.on('connect', (_request, near: net.Socket) => {
    const far = net.connect({ host: box.host, port: box.port, allowHalfOpen: true, noDelay: true })
    near.allowHalfOpen = true
    const breaks = (one: net.Socket, other: net.Socket) =>
      one.on('error', () => other.resetAndDestroy()).once('close', () => sockets.delete(one))
    for (const socket of [near, far]) sockets.add(socket)
    breaks(near, far)
    breaks(far, near)
    near.write('HTTP/1.1 200 Connection established\r\n\r\n')
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { box, proxy: `127.0.0.1:${(server.address() as net.AddressInfo).port}` }
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

for (const where of ['client', 'connector', 'both'] as const) {
  test(`middlebox on the way of ${where}: a session works at the first try, and only who is behind it goes wrapped`, async (t) => {
    const site = await openClientSite()
    t.after(() => site[Symbol.asyncDispose]())
    const { box, proxy } = await openPath(t, site.site.edge)
    const behind = (side: 'client' | 'connector') => where === side || where === 'both'
    const over = (side: 'client' | 'connector') => (behind(side) ? { proxy } : {})

    const { connector } = await site.connector('connector', over('connector'))
    const notes = () => connector.status().notes.map(({ code, hop }) => `${code} ${hop}`)
    const note = ['RAW_PHASE_BLOCKED edge']
    assert.deepEqual(notes(), behind('connector') ? note : [])
    assert.equal(connector.status().state, 'healthy')

    const up = randomBytes(8_000_000)
    const down = randomBytes(8_000_000)
    let gotUp = ''
    const app = await serveTcp((socket) => {
      const hash = createHash('sha256')
      socket.on('data', (chunk) => hash.update(chunk))
      socket.on('end', () => {
        // The connector looks whether the application answers, and says nothing.
        if (socket.bytesRead > 0) gotUp = hash.digest('hex')
        socket.end(down)
      })
    })
    t.after(() => app[Symbol.asyncDispose]())
    await site.signIn()
    const forwards = [parseForward(`127.0.0.1:0 localhost:${app.port}`)]
    const { client } = await site.client({ forwards, ...over('client') })
    await until(() => client.status().state === 'connected')

    const [host, port] = client.status().forwards[0]!.local.split(':')
    const socket = net.connect({ host: host!, port: Number(port), allowHalfOpen: true })
    socket.end(up) // the answer comes through the other half
    assert.equal(sha256(await readAll(socket)), sha256(down))
    assert.equal(gotUp, sha256(up))

    const status = client.status()
    assert.deepEqual([status.state, status.sessions.failed], ['connected', 0])
    assert.deepEqual(
      status.notes.map(({ code, hop }) => `${code} ${hop}`),
      behind('client') ? note : [],
    )
    assert.ok(status.tunnels.length > 0)
    for (const tunnel of status.tunnels) assert.equal(tunnel.wrapped, behind('client'))
    assert.deepEqual(notes(), behind('connector') ? note : [], 'the far end blames nobody else')
    assert.ok(box.killed > 0, 'the middlebox was met')
  })
}

test('with workers on all sides: halves come wrapped to whichever process they are of, and sessions go both ways', async (t) => {
  const site = await openClientSite({ edgeWorkers: 2 })
  t.after(() => site[Symbol.asyncDispose]())
  const { box, proxy } = await openPath(t, site.site.edge)
  const main = (role: string) => programFile(`src/cli/workers/${role}-worker-main`)
  const { connector } = await site.connector('connector', {
    ...{ proxy, workers: 2, workerEntry: main('connector') },
  })
  await site.signIn()
  const echo = await serveEcho()
  t.after(() => echo[Symbol.asyncDispose]())
  const forwards = [parseForward(`127.0.0.1:0 localhost:${echo.port}`)]
  const { client } = await site.client({ forwards, proxy, workers: 2, workerEntry: main('client') })
  const [host, port] = client.status().forwards[0]!.local.split(':')
  const session = async () => {
    const socket = net.connect({ host: host!, port: Number(port), allowHalfOpen: true })
    const sent = randomBytes(1_000_000)
    socket.end(sent)
    assert.equal(sha256(await readAll(socket)), sha256(sent))
  }
  await until(async () => {
    await session()
    const isInBoth = site.site.edge.stats().workers!.every(({ pipes }) => pipes > 0)
    return isInBoth && connector.status().workers.every(({ tunnels }) => tunnels > 0)
  })
  const { sessions, tunnels, notes } = client.status()
  assert.equal(sessions.failed, 0)
  for (const { wrapped } of tunnels) assert.ok(wrapped)
  for (const { code } of [...notes, ...connector.status().notes]) assert.equal(code, 'RAW_PHASE_BLOCKED')
  assert.ok(box.killed > 0)
})

test('a client whose middlebox is gone notices within ten minutes, and its tunnels are raw again', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  const { box, proxy } = await openPath(t, site.site.edge)
  await site.connector('connector')
  await site.signIn()
  const echo = await serveEcho()
  t.after(() => echo[Symbol.asyncDispose]())
  let laterUs = 0
  const clock = { ...systemClock, monotonicUs: () => systemClock.monotonicUs() + laterUs }
  const forwards = [parseForward(`127.0.0.1:0 localhost:${echo.port}`)]
  const { client } = await site.client({ forwards, proxy, clock })
  await until(() => client.status().state === 'connected')
  const [host, port] = client.status().forwards[0]!.local.split(':')
  const dial = () => net.connect({ host: host!, port: Number(port), allowHalfOpen: true })
  const held = dial()
  held.write('a session that goes on')
  await once(held, 'data')
  assert.ok(client.status().tunnels.every(({ wrapped }) => wrapped))

  box.strict = false
  laterUs = 600_000_000
  await until(() => client.status().notes.length === 0)
  const after = dial()
  after.end('raw again')
  assert.equal(String(await readAll(after)), 'raw again')
  held.end('still here')
  assert.equal(String(await readAll(held)), 'still here')
  await until(() => client.status().tunnels.every(({ wrapped }) => !wrapped))
})
