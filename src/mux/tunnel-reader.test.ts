import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { encodeFrame, FrameType } from '../wire/frame.ts'
import type { MuxStream } from './stream.ts'
import { TunnelReader } from './tunnel-reader.ts'

test('a megabyte that is there at once is taken in turns, and all of it comes', async () => {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  let taken = 0
  const deliver = (_: Buffer, start: number, end: number) => {
    taken += end - start
  }
  const stream = { deliver, fin() {} } as unknown as MuxStream
  const reader = new TunnelReader(socket, {
    receiver: () => stream,
    frame: () => assert.fail('no frame of this type was sent'),
    ended: () => assert.fail('nothing has ended'),
    broken: (thrown) => assert.ifError(thrown),
  })
  const frame = encodeFrame(FrameType.DATA, 1, Buffer.alloc(65_000))
  socket.push(Buffer.concat(Array.from({ length: 16 }, () => frame)))
  reader.start()
  let turns = 0
  for (let before = 0; taken < 16 * 65_000; before = taken) {
    await new Promise(setImmediate)
    // This turn may begin behind one reading of it and end before the next.
    assert.ok(taken - before <= 2 * 131_072 + 65_536, `${taken - before} bytes in one turn`)
    assert.ok(++turns < 100)
  }
  assert.ok(turns >= 5, `${turns} turns`)
  reader.close()
})
