import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import type { Fault } from '../base/faults.ts'
import { FrameType, MAX_PAYLOAD } from '../wire/frame.ts'
import { FrameReader } from './frame-reader.ts'
import { SendQueue } from './send-queue.ts'
import { SendScheduler } from './send-scheduler.ts'
import { takeSlab } from './slab.ts'

const MARKER = Buffer.alloc(8, 0xff)

/** A socket whose writes finish when the test says so, and whose peer then answers markers at once. */
class Wire extends Writable {
  readonly writes: Buffer[] = []
  /** Told of markers that the peer has; none: the peer answers nothing. */
  scheduler: SendScheduler | undefined
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
    if (done && marked) this.scheduler?.answered(MARKER)
  }

  /** Each write as the frames in it, but for the markers of the rate limiter. */
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
function wired(): { wire: Wire; scheduler: SendScheduler } {
  const wire = new Wire()
  const scheduler = new SendScheduler(wire, assert.ifError)
  wire.scheduler = scheduler
  return { wire, scheduler }
}

const NAMES: Record<number, string> = { [FrameType.WINDOW]: 'window', [FrameType.RESET]: 'reset' }

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

function bulk(scheduler: SendScheduler, queue: SendQueue, bytes = MAX_PAYLOAD): void {
  const slab = takeSlab()
  slab.used = bytes
  scheduler.slab(queue, slab)
}

const small = (scheduler: SendScheduler, queue: SendQueue, bytes = 100) =>
  scheduler.small(queue, FrameType.DATA, Buffer.alloc(bytes), bytes, false)

test('control, small and bulk leave in that order, in one write', async () => {
  const { wire, scheduler } = wired()
  bulk(scheduler, new SendQueue(1)) // leaves at once: nothing else was there
  bulk(scheduler, new SendQueue(1))
  small(scheduler, new SendQueue(2))
  small(scheduler, new SendQueue(3))
  scheduler.window(9, 4)
  wire.finish()
  await turn()
  assert.deepEqual(wire.frames, [['data 1 65528'], ['window 9', 'data 2 100', 'data 3 100', 'data 1 65528']])
  wire.finish()
  await turn()
  assert.equal(scheduler.queuedBytes, 0)
})

test('bulk waits until the peer has what was sent; small frames do not', async () => {
  const { wire, scheduler } = wired()
  wire.scheduler = undefined
  const queue = new SendQueue(1)
  const bulkWrites = () =>
    wire.frames.filter((write) => write.some((frame) => frame.includes('65528'))).length
  for (let i = 0; i < 40; i++) bulk(scheduler, queue)
  for (let i = 0; i < 40; i++) {
    wire.finish()
    await turn()
  }
  const before = bulkWrites()
  assert.ok(before < 20, `${before} slabs left with no answer`)
  small(scheduler, new SendQueue(2))
  await turn()
  assert.deepEqual(wire.frames.at(-1), ['data 2 100'])
  wire.finish()
  assert.equal(scheduler.answered(MARKER), true)
  for (let i = 0; i < 40; i++) {
    wire.finish()
    await turn()
  }
  assert.ok(bulkWrites() > before)
})

test('small frames of one turn leave in one write', async () => {
  const { wire, scheduler } = wired()
  for (let id = 1; id <= 50; id++) small(scheduler, new SendQueue(id))
  await turn()
  assert.equal(wire.writes.length, 1)
  assert.equal(wire.frames[0]!.length, 50)
})

test('queues take turns, by bytes and not by frames', async () => {
  const { wire, scheduler } = wired()
  const [large, half] = [new SendQueue(1), new SendQueue(2)]
  for (let i = 0; i < 4; i++) bulk(scheduler, large)
  for (let i = 0; i < 8; i++) bulk(scheduler, half, MAX_PAYLOAD / 2)
  for (let i = 0; i < 12; i++) {
    wire.finish()
    await turn()
  }
  const order = wire.frames.flat().map((frame) => frame.split(' ')[1])
  assert.deepEqual(order.slice(1, 10), ['1', '2', '2', '1', '2', '2', '1', '2', '2'])
})

test('many small frames do not starve the bulk queues, and bulk does not overtake its own small frames', async () => {
  const { wire, scheduler } = wired()
  const [one, two] = [new SendQueue(1), new SendQueue(2)]
  bulk(scheduler, one)
  for (let i = 0; i < 3; i++) small(scheduler, two, 10_000)
  bulk(scheduler, two)
  bulk(scheduler, one)
  for (let i = 0; i < 5; i++) {
    wire.finish()
    await turn()
    small(scheduler, new SendQueue(3), 10_000)
  }
  const streams = wire.frames.map((write) => write.map((frame) => frame.split(' ').slice(1).join(':')))
  assert.deepEqual(streams.slice(0, 3), [['1:65528'], ['2:10000', '2:10000', '2:10000'], ['2:65528']])
  assert.ok(
    streams.slice(3, 6).some((write) => write.includes('1:65528')),
    'bulk starved',
  )
})

test('FIN rides on the last slab of its stream', async () => {
  const { wire, scheduler } = wired()
  const queue = new SendQueue(1)
  bulk(scheduler, new SendQueue(7))
  bulk(scheduler, queue)
  bulk(scheduler, queue)
  queue.fin = true
  for (let i = 0; i < 3; i++) {
    wire.finish()
    await turn()
  }
  assert.deepEqual(wire.frames.slice(1), [['data 1 65528'], ['data 1 65528 fin']])
})

test('what a reset stream had waiting is forgotten', async () => {
  const { wire, scheduler } = wired()
  const [gone, stays] = [new SendQueue(1), new SendQueue(2)]
  bulk(scheduler, stays)
  bulk(scheduler, gone)
  bulk(scheduler, stays)
  scheduler.drop(gone)
  for (let i = 0; i < 3; i++) {
    wire.finish()
    await turn()
  }
  assert.deepEqual(wire.frames.flat(), ['data 2 65528', 'data 2 65528'])
  assert.equal(scheduler.queuedBytes, 0)
})

test('senders that wait go on one after the other, also those behind senders with nothing to read', async () => {
  const { wire, scheduler } = wired()
  const queue = new SendQueue(1)
  while (!scheduler.full) bulk(scheduler, queue)
  const order: number[] = []
  for (let i = 0; i < 40; i++) scheduler.wait({ goOn: () => order.push(i) > 0 })
  while (scheduler.queuedBytes > 0) {
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
  const scheduler = new SendScheduler(new Wire(), (fault) => {
    why = fault
  })
  for (let i = 0; i < 300_000; i++) scheduler.control(FrameType.PONG, 0, Buffer.alloc(8))
  assert.equal(why?.code, 'PROTOCOL_ERROR')
  assert.equal(scheduler.queuedBytes, 0)
})

test('control frames longer than the headroom leave before the data, whole', async () => {
  const { wire, scheduler } = wired()
  bulk(scheduler, new SendQueue(1))
  bulk(scheduler, new SendQueue(1))
  for (let i = 0; i < 20_000; i++) scheduler.window(5, 1)
  for (let i = 0; i < 3; i++) {
    wire.finish()
    await turn()
  }
  assert.equal(wire.frames[1]!.length, 20_000)
  assert.deepEqual(wire.frames[2], ['data 1 65528'])
})

test('a sender that waits for room is told when the room comes from a stream that was reset', async () => {
  const wire = new Wire()
  const scheduler = new SendScheduler(wire, assert.fail)
  const queue = new SendQueue(1)
  for (let i = 0; i < 12; i++) {
    bulk(scheduler, queue)
    wire.finish() // no marker is answered: the limit is reached
  }
  assert.ok(queue.slabs.length > 0)
  const told = Promise.withResolvers<void>()
  scheduler.wait({
    goOn() {
      told.resolve()
      return false
    },
  })
  scheduler.drop(queue)
  await told.promise
})

test('RESET of a stream that waits leaves behind its last frame', async () => {
  const wire = new Wire()
  const scheduler = new SendScheduler(wire, assert.fail)
  wire.scheduler = scheduler
  const queue = new SendQueue(1)
  for (let i = 0; i < 3; i++) bulk(scheduler, queue)
  scheduler.reset(queue, Buffer.from('\x04CODE', 'latin1'))
  for (let i = 0; i < 6; i++) {
    wire.finish()
    await turn()
  }
  assert.deepEqual(wire.frames.flat(), ['data 1 65528', 'data 1 65528', 'data 1 65528', 'reset 1'])
})

test('what may wait until the next turn leaves with what comes in it, and at once with what may not wait', async () => {
  const { wire, scheduler } = wired()
  const young = (id: number) =>
    scheduler.small(new SendQueue(id), FrameType.DATA, Buffer.alloc(100), 100, false, 'next turn')
  young(1)
  await turn()
  assert.equal(wire.writes.length, 0)
  young(2) // does not make the first wait longer
  await turn()
  assert.deepEqual(wire.frames, [['data 1 100', 'data 2 100']])
  wire.finish()
  young(3)
  small(scheduler, new SendQueue(4))
  await turn()
  assert.deepEqual(wire.frames[1], ['data 3 100', 'data 4 100'])
})
