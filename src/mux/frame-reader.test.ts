import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../base/faults.ts'
import { encodeFrame, FrameType, MAX_CONTROL_PAYLOAD, MAX_PAYLOAD, writeHeader } from '../wire/frame.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'

/** Frames as they were told, DATA put together again. */
class Told implements FrameSink {
  readonly frames: string[] = []
  #data: Buffer[] = []
  #stream = 0
  #length = 0

  beginData(stream: number, length: number): void {
    this.#data = []
    this.#stream = stream
    this.#length = length
  }
  data(buffer: Buffer, start: number, end: number): void {
    this.#data.push(Buffer.from(buffer.subarray(start, end)))
  }
  endData(fin: boolean): void {
    const data = Buffer.concat(this.#data)
    assert.equal(data.length, this.#length)
    this.frames.push(`data ${this.#stream} ${fin} ${data.toString('hex')}`)
  }
  frame(type: FrameType, stream: number, payload: Buffer): void {
    this.frames.push(`${type} ${stream} ${payload.toString('hex')}`)
  }
}

function decode(pieces: readonly Buffer[]): string[] {
  const told = new Told()
  const reader = new FrameReader(told)
  for (const piece of pieces) reader.feed(piece, 0, piece.length)
  return told.frames
}

const payload = fc.uint8Array({ maxLength: 300 })
const frame = fc.oneof(
  fc
    .tuple(payload, fc.integer({ min: 1, max: 0xffff_ffff }), fc.boolean())
    .map(([bytes, stream, fin]) => encodeFrame(FrameType.DATA, stream, bytes, fin)),
  fc.tuple(payload, fc.integer({ min: 1, max: 9 })).map(([bytes, stream]) => {
    return encodeFrame(FrameType.RESET, stream, bytes)
  }),
  payload.map((bytes) => encodeFrame(FrameType.GRANT, 0, bytes)),
)

test('any split of the bytes gives the same frames', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 12 }),
      fc.array(fc.nat(4000), { maxLength: 20 }),
      (frames, cuts) => {
        const bytes = Buffer.concat(frames)
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
        const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
        assert.deepEqual(decode(pieces), decode([bytes]))
        assert.equal(decode([bytes]).length, frames.length)
      },
    ),
    { numRuns: 300 },
  )
})

test('one byte at a time gives the same frames', () => {
  const bytes = Buffer.concat([
    encodeFrame(FrameType.PING, 0, Buffer.alloc(8, 7)),
    encodeFrame(FrameType.DATA, 1, Buffer.from('hello')),
    encodeFrame(FrameType.DATA, 1, undefined, true),
  ])
  assert.deepEqual(decode([...bytes].map((byte) => Buffer.from([byte]))), decode([bytes]))
})

const REFUSED: { name: string; header: [type: number, fin: boolean, length: number, stream: number] }[] = [
  { name: 'type 0', header: [0, false, 0, 1] },
  { name: 'type 12', header: [12, false, 0, 1] },
  { name: 'TAKEN of the tunnel', header: [FrameType.TAKEN, false, 0, 0] },
  { name: 'FIN on WINDOW', header: [FrameType.WINDOW, true, 4, 1] },
  { name: 'DATA over MAX_PAYLOAD', header: [FrameType.DATA, false, MAX_PAYLOAD + 1, 1] },
  { name: 'GRANT over MAX_CONTROL_PAYLOAD', header: [FrameType.GRANT, false, MAX_CONTROL_PAYLOAD + 1, 0] },
  { name: 'PING on a stream', header: [FrameType.PING, false, 8, 1] },
  { name: 'DATA on the tunnel', header: [FrameType.DATA, false, 1, 0] },
]
for (const { name, header } of REFUSED) {
  test(`refuses ${name} at its header, before any payload`, () => {
    const bytes = Buffer.alloc(8)
    writeHeader(bytes, 0, header[0] as FrameType, header[1], header[2], header[3])
    assert.throws(
      () => decode([bytes]),
      (thrown) => thrown instanceof Fault && thrown.code === 'PROTOCOL_ERROR',
    )
  })
}

test('a flipped bit is refused, or changes only what it is in', () => {
  const frames = [
    encodeFrame(FrameType.DATA, 1, Buffer.from('abc')),
    encodeFrame(FrameType.PING, 0, Buffer.alloc(8)),
  ]
  const bytes = Buffer.concat(frames)
  const whole = decode([bytes])
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    try {
      assert.notDeepEqual(decode([flipped]), whole, `bit ${bit} is not looked at`)
    } catch (thrown) {
      assert.ok(thrown instanceof Fault && thrown.code === 'PROTOCOL_ERROR', `bit ${bit}: ${thrown}`)
    }
  }
})
