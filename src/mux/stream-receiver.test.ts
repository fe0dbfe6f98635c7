import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { ByteBudget } from './byte-budget.ts'
import { socketPair } from './pair.fixture.ts'
import { SendScheduler } from './send-scheduler.ts'
import { type Slab, takeSlab } from './slab.ts'
import { StreamReceiver } from './stream-receiver.ts'

async function receiving() {
  const [reader, socket] = await socketPair()
  const scheduler = new SendScheduler(
    new Writable({ write: (_chunk, _encoding, done) => done() }),
    assert.fail,
  )
  const tunnel = {
    role: 'client',
    scheduler,
    windows: new ByteBudget(0),
    held: new ByteBudget(Infinity),
    shortestRttUs: 0,
    defect: (_: unknown, thrown: unknown) => assert.fail(String(thrown)),
    forget() {},
  } as const
  const receiver = new StreamReceiver(1, tunnel)
  receiver.attach(socket)
  return { reader, socket, receiver, held: tunnel.held }
}

test('every slab is given back once its reader has caught up, also those that came behind the marker', async () => {
  const { reader, socket, receiver } = await receiving()
  const given = new Set<Slab>()
  let left = 0
  const deliver = () => {
    const slab = takeSlab()
    given.add(slab)
    left += slab.body.length
    receiver.deliver(slab.body, 0, slab.body.length, slab)
    slab.letGo()
  }
  while (socket.writableLength === 0) deliver() // the reader does not read: the marker is behind the first that waits
  for (let more = 0; more < 5; more++) deliver()
  reader.on('data', (chunk) => {
    left -= chunk.length
    if (left === 0) reader.emit('all')
  })
  await once(reader, 'all')
  while (receiver.held > 0) await new Promise(setImmediate)
  const back = new Set([...given].map(() => takeSlab()))
  for (const slab of given) assert.ok(back.has(slab), 'a slab is still held')
  for (const end of [reader, socket]) end.destroy()
})

test('a stream that has delivered everything holds nothing, although its other direction goes on', async () => {
  const { reader, socket, receiver, held } = await receiving()
  const piece = Buffer.alloc(65_536)
  const deliver = () => receiver.deliver(piece, 0, piece.length, undefined)
  while (receiver.held < 20_000_000) deliver()
  const waiting = socket.writableLength
  reader.resume()
  while (socket.writableLength === waiting) await new Promise(setImmediate)
  reader.pause()
  while (receiver.held < 40_000_000) deliver() // behind the one write that everything else is in
  const { promise: delivered, resolve } = Promise.withResolvers<void>()
  receiver.end(resolve)
  reader.resume()
  await delivered
  assert.equal(held.usedBytes, 0)
  for (const end of [reader, socket]) end.destroy()
})
