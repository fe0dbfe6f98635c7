import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type tls from 'node:tls'
import { Mux } from './mux.ts'
import { OPEN, OPENED, socketPair, tlsPair } from './pair.fixture.ts'
import type { MuxStream } from './stream.ts'

/** How often something was written to the tunnel. */
function writesOf(socket: tls.TLSSocket): { count: number } {
  const writes = { count: 0 }
  const write = socket.write.bind(socket)
  socket.write = ((...args: Parameters<typeof write>) => {
    writes.count++
    return write(...args)
  }) as typeof socket.write
  return writes
}

/** A tunnel, and a program with its local socket at the client; `accepted` attaches the application's. */
async function standing() {
  const sockets = await tlsPair()
  const opened = Promise.withResolvers<MuxStream>()
  const heard = Promise.withResolvers<number>()
  const connector = new Mux(sockets.connector, { role: 'connector', onOpen: opened.resolve })
  const client = new Mux(sockets.client, { role: 'client' })
  // What they say to each other as they begin is over after the second.
  for (let pings = 0; pings < 2; pings++) await Promise.all([client.ping(), connector.ping()])
  const writes = { client: writesOf(sockets.client), connector: writesOf(sockets.connector) }
  const [program, local] = await socketPair()
  const [app, remote] = await socketPair()
  const near = client.open(OPEN, { opened: () => heard.resolve(performance.now()), closed() {} })
  const stack = new AsyncDisposableStack()
  stack.use(client)
  stack.use(connector)
  stack.defer(() => {
    for (const socket of [program, app]) socket.destroy()
  })
  return {
    ...{ writes, program, local, app, remote, near, opened: opened.promise, heard: heard.promise },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

test('a request leaves with its OPEN, and OPENED, answer and FIN leave together', async () => {
  await using at = await standing()
  at.program.write('request')
  at.near.attach(at.local)
  const far = await at.opened
  while (far.bytesIn === 0) await new Promise(setImmediate)
  assert.equal(at.writes.client.count, 1)
  far.accept(OPENED)
  far.attach(at.remote)
  at.app.end('answer')
  at.program.resume()
  await once(at.program, 'end')
  assert.equal(at.writes.connector.count, 1)
})

test('OPENED does not wait where nothing was said yet, and only a moment for an application that says nothing', async () => {
  await using silent = await standing()
  const far = await silent.opened
  far.accept(OPENED)
  await silent.heard
  assert.equal(silent.writes.connector.count, 1)

  await using asked = await standing()
  asked.program.write('request')
  asked.near.attach(asked.local)
  const stream = await asked.opened
  while (stream.bytesIn === 0) await new Promise(setImmediate)
  stream.accept(OPENED)
  stream.attach(asked.remote)
  await asked.heard
  assert.equal(stream.bytesOut, 0)
})

test('a socket that was read to its end and has taken all is closed without a shutdown, at both ends', async () => {
  for (const first of ['program', 'application']) {
    await using at = await standing()
    at.near.attach(at.local)
    const far = await at.opened
    far.accept(OPENED)
    far.attach(at.remote)
    at.program.write('request')
    await once(at.app, 'readable')
    const [one, other, last] =
      first === 'program' ? [at.program, at.app, at.local] : [at.app, at.program, at.remote]
    one.end()
    other.resume().once('end', () => other.end())
    one.resume()
    await once(one, 'end')
    const ends = await Promise.all([at.near.ended, far.ended])
    assert.deepEqual(
      ends.map(({ reason }) => reason),
      ['done', 'done'],
    )
    assert.equal(last.writableEnded, false, `${first} first`)
    assert.equal(last.errored, null)
  }
})
