import assert from 'node:assert/strict'
import { once } from 'node:events'
import type net from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { cutSocket } from '../../mux/cut-socket.ts'
import { pattern, readAll, readBytes, socketPair } from '../../mux/pair.fixture.ts'
import { type StitchEnd, stitch } from './stitch.ts'

interface Pipe {
  /** What the peers of the edge hold. */
  readonly a: net.Socket
  readonly b: net.Socket
  /** What the edge holds. */
  readonly edgeA: net.Socket
  readonly edgeB: net.Socket
  readonly end: Promise<StitchEnd>
}

async function pipe(): Promise<Pipe> {
  const [a, edgeA] = await socketPair()
  const [b, edgeB] = await socketPair()
  return { a, b, edgeA, edgeB, end: stitch(edgeA, edgeB) }
}

test('bytes of any length and cut arrive as they were sent, both ways, and are counted', async () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(lengths, lengths, async (up, down) => {
      const { a, b, end } = await pipe()
      for (const length of up) a.write(pattern(length, length))
      for (const length of down) b.write(pattern(length, length))
      a.end()
      b.end()
      const [atB, atA] = await Promise.all([readAll(b), readAll(a)])
      assert.ok(atB.equals(Buffer.concat(up.map((length) => pattern(length, length)))))
      assert.ok(atA.equals(Buffer.concat(down.map((length) => pattern(length, length)))))
      assert.deepEqual(await end, { bytesAB: atB.length, bytesBA: atA.length, reason: 'done' })
    }),
    { numRuns: 20 },
  )
})

test('60 MB go through a reader that stops and starts', async () => {
  const { a, b, end } = await pipe()
  const block = pattern(1_000_003)
  const sent = (async () => {
    for (let i = 0; i < 60; i++) if (!a.write(block)) await once(a, 'drain')
    a.end()
  })()
  let at = 0
  b.on('data', (chunk: Buffer) => {
    for (let done = 0; done < chunk.length; ) {
      const from = at % block.length
      const length = Math.min(chunk.length - done, block.length - from)
      assert.ok(chunk.compare(block, from, from + length, done, done + length) === 0, `differs at ${at}`)
      done += length
      at += length
    }
    if (at % 7 === 0) {
      b.pause()
      setImmediate(() => b.resume())
    }
  })
  await Promise.all([sent, once(b, 'end')])
  assert.equal(at, 60 * block.length)
  b.end()
  assert.equal((await end).reason, 'done')
})

test('half-close: FIN passes on, and the other direction goes on', async () => {
  const { a, b, end } = await pipe()
  a.end('request')
  assert.equal((await readAll(b)).toString(), 'request')
  b.write('answer')
  assert.equal((await readBytes(a, 6)).toString(), 'answer')
  b.end()
  await readAll(a)
  assert.deepEqual(await end, { bytesAB: 7, bytesBA: 6, reason: 'done' })
})

test('what a side sent before it was stitched is not lost, not even behind its FIN', async () => {
  const [a, edgeA] = await socketPair()
  const [b, edgeB] = await socketPair()
  a.end(pattern(50_000))
  edgeA.resume()
  edgeA.pause()
  await once(edgeA, 'readable')
  const end = stitch(edgeA, edgeB)
  assert.ok((await readAll(b)).equals(pattern(50_000)))
  b.end()
  await readAll(a)
  assert.equal((await end).reason, 'done')
})

for (const side of ['a', 'b'] as const) {
  test(`RST of side ${side} reaches the other side as RST`, async () => {
    const ends = await pipe()
    const other = side === 'a' ? ends.b : ends.a
    ends[side].write('x')
    await readBytes(other, 1)
    ends[side].resetAndDestroy()
    const [error] = await once(other.resume(), 'error')
    assert.equal(error.code, 'ECONNRESET')
    const { reason, by, errno } = await ends.end
    assert.deepEqual({ reason, by, errno }, { reason: 'reset', by: side, errno: 'ECONNRESET' })
  })
}

test('destroying either socket cuts the pipe', async () => {
  const { a, b, edgeB, end } = await pipe()
  const broken = Promise.all([once(a.resume(), 'error'), once(b.resume(), 'end')])
  edgeB.destroy()
  await broken
  b.destroy()
  const { reason, by } = await end
  assert.deepEqual({ reason, by }, { reason: 'reset', by: 'b' })
})

test('a reader that stands still stops its writer, and costs no more than two buffers', async () => {
  const { a, b, edgeA, edgeB } = await pipe()
  b.pause()
  const block = pattern(65_536)
  const settled = Promise.withResolvers<void>()
  let last = -1
  const write = () => {
    while (a.write(block));
  }
  a.on('drain', write)
  write()
  const watch = setInterval(() => {
    if (edgeA.bytesRead === last && edgeB.writableLength > 0) settled.resolve()
    last = edgeA.bytesRead
  }, 100)
  await settled.promise
  clearInterval(watch)
  assert.ok(edgeB.writableLength <= 2 * 131_072, `${edgeB.writableLength} bytes are held`)
  a.destroy()
  b.destroy()
})

for (const side of ['a', 'b'] as const) {
  test(`what side ${side} said before its RST is delivered before it, though the other side never stops writing`, async () => {
    const ends = await pipe()
    const other = side === 'a' ? ends.b : ends.a
    const heard: Buffer[] = []
    other.on('data', (chunk: Buffer) => heard.push(chunk))
    const broke = once(other, 'error')
    const write = () => {
      while (!other.destroyed && other.write(pattern(65_536)));
    }
    other.on('drain', write)
    write()
    await once(ends[side].pause(), 'readable')
    // Closed with bytes unread: the kernel sends RST behind the answer.
    ends[side].write(pattern(20_000), () => ends[side].destroy())
    await broke
    assert.ok(Buffer.concat(heard).equals(pattern(20_000)), `${Buffer.concat(heard).length} bytes came`)
    const { reason, by } = await ends.end
    assert.deepEqual({ reason, by }, { reason: 'reset', by: side })
  })
}

test('a pipe that is cut while bytes wait for a slow reader ends with RST, not with FIN', async () => {
  const { a, b, edgeA, edgeB, end } = await pipe()
  a.end(pattern(40_000_000))
  b.pause()
  while (edgeB.writableLength === 0) await new Promise(setImmediate)
  cutSocket(edgeA)
  cutSocket(edgeB)
  const [error] = await once(b.resume(), 'error')
  assert.equal(error.code, 'ECONNRESET')
  assert.equal((await end).reason, 'reset')
})

test('a defect on the way ends its pair with a reset at both ends, and is told', async () => {
  const [a, edgeA] = await socketPair()
  const [b, edgeB] = await socketPair()
  const defect = new TypeError('a defect')
  edgeB.write = () => {
    throw defect
  }
  const end = stitch(edgeA, edgeB)
  const broken = Promise.all([once(a.resume(), 'error'), once(b.resume(), 'error')])
  a.write('x')
  await broken
  const { reason, defect: told } = await end
  assert.deepEqual({ reason, told }, { reason: 'reset', told: defect })
})

test('four megabytes that are there at once are passed on in turns, and all of them arrive', async () => {
  const passed: number[] = []
  let total = 0
  const a = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  const b = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      total += chunk.length
      done()
    },
  })
  const over = stitch(a, b)
  const bytes = 4 * 1024 * 1024
  a.push(Buffer.alloc(bytes))
  for (let before = 0; total < bytes; before = total) {
    await new Promise(setImmediate)
    passed.push(total - before)
    assert.ok(passed.length < 1000)
  }
  assert.ok(Math.max(...passed) <= 2 * 262_144, `${Math.max(...passed)} bytes in one turn`)
  for (const end of [a, b]) end.push(null)
  assert.equal((await over).bytesAB, bytes)
})
