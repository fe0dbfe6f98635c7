import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Direction } from './direction.ts'
import { type Impairment, netemArguments } from './impairment.ts'

/** When each of so many frames of 1000 bytes leaves that come every `everyMs`. */
function send(o: Impairment, { seed = 7, frames = 1000, everyMs = 1 } = {}) {
  const direction = new Direction(seed)
  const left = Array.from({ length: frames }, (_, at) => direction.plan(1000, at * everyMs, o))
  return { left, figures: direction.figures }
}

test('a wire that does nothing passes every frame at once', () => {
  const { left } = send({})
  assert.ok(left.every((times, at) => times.length === 1 && times[0] === at))
})

test('one seed gives one story, another seed another', () => {
  const o = { delayMs: 20, jitterMs: 5, lossPercent: 10, reorderPercent: 5, duplicatePercent: 5 }
  assert.deepEqual(send(o), send(o))
  assert.notDeepEqual(send(o).left, send(o, { seed: 8 }).left)
})

test('about as many are lost and doubled as it was told', () => {
  const { figures } = send({ lossPercent: 10, duplicatePercent: 20 }, { frames: 10_000 })
  assert.ok(figures.lost > 850 && figures.lost < 1150, `lost ${figures.lost}`)
  assert.ok(figures.duplicated > 1600 && figures.duplicated < 2000, `doubled ${figures.duplicated}`)
})

test('what one frame suffers does not change what the next does', () => {
  const clean = send({ lossPercent: 10 }).left.map(({ length }) => length)
  const doubled = send({ lossPercent: 10, duplicatePercent: 50, jitterMs: 3 }).left.map(
    ({ length }) => length,
  )
  assert.deepEqual(
    clean.map((copies) => copies === 0),
    doubled.map((copies) => copies === 0),
  )
})

test('jitter keeps the order and stays within its bounds', () => {
  const { left } = send({ delayMs: 50, jitterMs: 10 }, { everyMs: 30 })
  const delays = left.map(([leavesMs], at) => leavesMs! - at * 30)
  assert.ok(Math.min(...delays) >= 40 && Math.max(...delays) <= 60)
  assert.ok(left.every(([leavesMs], at) => at === 0 || leavesMs! >= left[at - 1]![0]!))
})

test('a frame that is overtaken leaves after those that follow', () => {
  const { left, figures } = send({ reorderPercent: 10 })
  const overtaken = left.filter(([leavesMs], at) => left[at + 1] && leavesMs! > left[at + 1]![0]!)
  assert.ok(figures.reordered > 60)
  assert.ok(overtaken.length > 60)
})

test('a slow line takes its time, and loses what waits too long', () => {
  const { left, figures } = send({ rateKbit: 1000 }, { frames: 100 }) // 8 ms for each, one comes every ms
  assert.deepEqual(left.slice(0, 3), [[8], [16], [24]])
  assert.ok(figures.lost > 50)
})

test('netem is told the same', () => {
  assert.deepEqual(netemArguments({}), [])
  assert.equal(
    netemArguments({ delayMs: 40, jitterMs: 5, lossPercent: 1, rateKbit: 2000 }).join(' '),
    'delay 40ms 5ms loss 1% rate 2000kbit',
  )
  assert.equal(netemArguments({ reorderPercent: 5 }).join(' '), 'delay 10ms reorder 95%')
})
