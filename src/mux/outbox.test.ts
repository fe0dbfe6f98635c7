import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import type { Fault } from '../base/faults.ts'
import { FrameType, MAX_PAYLOAD } from '../wire/frame.ts'
import { FrameReader } from './frame-reader.ts'
import { Lane } from './lane.ts'
import { Outbox } from './outbox.ts'
import { takeSlab } from './slab.ts'

const MARKER = Buffer.alloc(8, 0xff)

/** A socket whose writes finish when the test says so, and whose peer then answers markers at once. */
class Wire extends Writable {
  readonly writes: Buffer[] = []
  /** Told of markers that the peer has; none: the peer answers nothing. */
  outbox: Outbox | undefined
  #done: (() => void) | undefined

  constructor() {
    super({ highWaterMark: 1 })
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(Buffer.from(chunk))
    this.#done = done
  }

  finish(): void {
    const done = this.#done
    this.#done = undefined
    const marked = this.#seen.at(-1)?.includes('marker')
    done?.()
    if (done && marked) this.outbox?.answered(MARKER)
  }

  /** Each write as the frames in it, but for the markers of Pace. */
  get frames(): string[][] {
    return this.#seen.map((frames) => frames.filter((frame) => frame !== 'marker'))
  }

  get #seen(): string[][] {
    return this.writes.map((bytes) => {
      const seen: string[] = []
      let length = 0
      let stream = 0
      const reader = new FrameReader({
        beginData: (id, bytes) => {
          stream = id
          length = bytes
        },
        data() {},
        endData: (fin) => seen.push(`data ${stream} ${length}${fin ? ' fin' : ''}`),
        frame: (type, id) => seen.push(type === FrameType.PING ? 'marker' : `${NAMES[type]} ${id}`),
      })
      reader.feed(bytes, 0, bytes.length)
      assert.ok(reader.betweenFrames, 'a write ends inside a frame')
      return seen
    })
  }
}
function wired(): { wire: Wire; outbox: Outbox } {
  const wire = new Wire()
  const outbox = new Outbox(wire, assert.ifError)
  wire.outbox = outbox
  return { wire, outbox }
}

const NAMES: Record<number, string> = { [FrameType.WINDOW]: 'window', [FrameType.RESET]: 'reset' }

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

function bulk(outbox: Outbox, lane: Lane, bytes = MAX_PAYLOAD): void {
  const slab = takeSlab()
  slab.used = bytes
  outbox.slab(lane, slab)
}

const small = (outbox: Outbox, lane: Lane, bytes = 100) =>
  outbox.small(lane, FrameType.DATA, Buffer.alloc(bytes), bytes, false)

test('control, small and bulk leave in that order, in one write', async () => {
  const { wire, outbox } = wired()
  bulk(outbox, new Lane(1)) // leaves at once: nothing else was there
  bulk(outbox, new Lane(1))
  small(outbox, new Lane(2))
  small(outbox, new Lane(3))
  outbox.window(9, 4)
  wire.finish()
  await turn()
  assert.deepEqual(wire.frames, [['data 1 65528'], ['window 9', 'data 2 100', 'data 3 100', 'data 1 65528']])
  wire.finish()
  await turn()
  assert.equal(outbox.queuedBytes, 0)
})

test('bulk waits until the peer has what was sent; small frames do not', async () => {
  const { wire, outbox } = wired()
  wire.outbox = undefined
  const lane = new Lane(1)
  const bulkWrites = () =>
    wire.frames.filter((write) => write.some((frame) => frame.includes('65528'))).length
  for (let i = 0; i < 40; i++) bulk(outbox, lane)
  for (let i = 0; i < 40; i++) {
    wire.finish()
    await turn()
  }
  const before = bulkWrites()
  assert.ok(before < 20, `${before} slabs left with no answer`)
  small(outbox, new Lane(2))
  await turn()
  assert.deepEqual(wire.frames.at(-1), ['data 2 100'])
  wire.finish()
  assert.equal(outbox.answered(MARKER), true)
  for (let i = 0; i < 40; i++) {
    wire.finish()
    await turn()
  }
  assert.ok(bulkWrites() > before)
})

test('small frames of one turn leave in one write', async () => {
  const { wire, outbox } = wired()
  for (let id = 1; id <= 50; id++) small(outbox, new Lane(id))
  await turn()
  assert.equal(wire.writes.length, 1)
  assert.equal(wire.frames[0]!.length, 50)
})

test('lanes take turns, by bytes and not by frames', async () => {
  const { wire, outbox } = wired()
  const [large, half] = [new Lane(1), new Lane(2)]
  for (let i = 0; i < 4; i++) bulk(outbox, large)
  for (let i = 0; i < 8; i++) bulk(outbox, half, MAX_PAYLOAD / 2)
  for (let i = 0; i < 12; i++) {
    wire.finish()
    await turn()
  }
  const order = wire.frames.flat().map((frame) => frame.split(' ')[1])
  assert.deepEqual(order.slice(1, 10), ['1', '2', '2', '1', '2', '2', '1', '2', '2'])
})

test('many small frames do not starve the bulk lanes, and bulk does not overtake its own small frames', async () => {
  const { wire, outbox } = wired()
  const [one, two] = [new Lane(1), new Lane(2)]
  bulk(outbox, one)
  for (let i = 0; i < 3; i++) small(outbox, two, 10_000)
  bulk(outbox, two)
  bulk(outbox, one)
  for (let i = 0; i < 5; i++) {
    wire.finish()
    await turn()
    small(outbox, new Lane(3), 10_000)
  }
  const streams = wire.frames.map((write) => write.map((frame) => frame.split(' ').slice(1).join(':')))
  assert.deepEqual(streams.slice(0, 3), [['1:65528'], ['2:10000', '2:10000', '2:10000'], ['2:65528']])
  assert.ok(
    streams.slice(3, 6).some((write) => write.includes('1:65528')),
    'bulk starved',
  )
})

test('FIN rides on the last slab of its stream', async () => {
  const { wire, outbox } = wired()
  const lane = new Lane(1)
  bulk(outbox, new Lane(7))
  bulk(outbox, lane)
  bulk(outbox, lane)
  lane.fin = true
  for (let i = 0; i < 3; i++) {
    wire.finish()
    await turn()
  }
  assert.deepEqual(wire.frames.slice(1), [['data 1 65528'], ['data 1 65528 fin']])
})

test('what a reset stream had waiting is forgotten', async () => {
  const { wire, outbox } = wired()
  const [gone, stays] = [new Lane(1), new Lane(2)]
  bulk(outbox, stays)
  bulk(outbox, gone)
  bulk(outbox, stays)
  outbox.drop(gone)
  for (let i = 0; i < 3; i++) {
    wire.finish()
    await turn()
  }
  assert.deepEqual(wire.frames.flat(), ['data 2 65528', 'data 2 65528'])
  assert.equal(outbox.queuedBytes, 0)
})

test('senders that wait go on one after the other, also those behind senders with nothing to read', async () => {
  const { wire, outbox } = wired()
  const lane = new Lane(1)
  while (!outbox.full) bulk(outbox, lane)
  const order: number[] = []
  for (let i = 0; i < 40; i++) outbox.wait({ goOn: () => order.push(i) > 0 })
  while (outbox.queuedBytes > 0) {
    wire.finish()
    await turn()
  }
  while (order.length < 40) await turn()
  assert.deepEqual(
    order,
    Array.from({ length: 40 }, (_, i) => i),
  )
})

test('a peer that makes us queue control frames without end is cut off', () => {
  let why: Fault | undefined
  const outbox = new Outbox(new Wire(), (fault) => {
    why = fault
  })
  for (let i = 0; i < 300_000; i++) outbox.control(FrameType.PONG, 0, Buffer.alloc(8))
  assert.equal(why?.code, 'PROTOCOL_ERROR')
  assert.equal(outbox.queuedBytes, 0)
})

test('control frames longer than the headroom leave before the data, whole', async () => {
  const { wire, outbox } = wired()
  bulk(outbox, new Lane(1))
  bulk(outbox, new Lane(1))
  for (let i = 0; i < 20_000; i++) outbox.window(5, 1)
  for (let i = 0; i < 3; i++) {
    wire.finish()
    await turn()
  }
  assert.equal(wire.frames[1]!.length, 20_000)
  assert.deepEqual(wire.frames[2], ['data 1 65528'])
})

test('a sender that waits for room is told when the room comes from a stream that was reset', async () => {
  const wire = new Wire()
  const outbox = new Outbox(wire, assert.fail)
  const lane = new Lane(1)
  for (let i = 0; i < 12; i++) {
    bulk(outbox, lane)
    wire.finish() // no marker is answered: the pace closes
  }
  assert.ok(lane.slabs.length > 0)
  const told = Promise.withResolvers<void>()
  outbox.wait({
    goOn() {
      told.resolve()
      return false
    },
  })
  outbox.drop(lane)
  await told.promise
})

test('RESET of a stream that waits leaves behind its last frame', async () => {
  const wire = new Wire()
  const outbox = new Outbox(wire, assert.fail)
  wire.outbox = outbox
  const lane = new Lane(1)
  for (let i = 0; i < 3; i++) bulk(outbox, lane)
  outbox.reset(lane, Buffer.from('\x04CODE', 'latin1'))
  for (let i = 0; i < 6; i++) {
    wire.finish()
    await turn()
  }
  assert.deepEqual(wire.frames.flat(), ['data 1 65528', 'data 1 65528', 'data 1 65528', 'reset 1'])
})
