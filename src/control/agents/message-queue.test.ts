import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageQueue } from './message-queue.ts'

function held(atOnce: number, mayWait = 2) {
  const begun: number[] = []
  const ends: (() => void)[] = []
  const full: boolean[] = []
  const inTurn = new MessageQueue<number>({
    atOnce,
    mayWait,
    work: (message) => {
      begun.push(message)
      return new Promise((resolve) => ends.push(resolve))
    },
    full: (isFull) => full.push(isFull),
  })
  const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  return { inTurn, begun, ends, full, turn }
}

test('a few at once, the others in the order they came; reading stops when too many wait', async () => {
  const { inTurn, begun, ends, full, turn } = held(2)
  for (let n = 1; n <= 4; n++) inTurn.take(n)
  assert.deepEqual([begun, full], [[1, 2], []], 'two that wait are no reason')
  inTurn.take(5)
  assert.deepEqual(full, [true])
  for (let n = 0; n < 5; n++) {
    ends[n]!()
    await turn()
  }
  assert.deepEqual(
    [begun, full],
    [
      [1, 2, 3, 4, 5],
      [true, false],
    ],
  )
  inTurn.take(6)
  assert.equal(begun.at(-1), 6)
})

test('one that comes later does not overtake one that waits', async () => {
  const { inTurn, begun, ends, turn } = held(1)
  inTurn.take(1)
  inTurn.take(2)
  ends[0]!()
  await Promise.resolve()
  inTurn.take(3)
  await turn()
  ends[1]!()
  await turn()
  assert.deepEqual(begun, [1, 2, 3])
})

test('work that never leaves its turn of the event loop leaves room for others', async () => {
  let done = 0
  const inTurn = new MessageQueue<number>({
    atOnce: 4,
    mayWait: 64,
    work: async () => void done++,
    full: () => {},
  })
  for (let n = 0; n < 1000; n++) inTurn.take(n)
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(done < 100, `${done} were done before anybody else was heard`)
})

test('what waits is dropped with its connection', async () => {
  const { inTurn, begun, ends, turn } = held(1)
  inTurn.take(1)
  inTurn.take(2)
  inTurn.drop()
  ends[0]!()
  await turn()
  assert.deepEqual(begun, [1])
})
