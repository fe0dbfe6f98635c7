import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Urgency, WriteLock } from './write-lock.ts'

async function orderOf(wanted: readonly (readonly [string, Urgency])[]): Promise<string[]> {
  const lock = new WriteLock()
  const order: string[] = []
  await lock.take()
  const done = wanted.map(async ([name, urgency]) => {
    await lock.take(urgency)
    order.push(name)
    lock.give()
  })
  lock.give()
  await Promise.all(done)
  return order
}

test('what somebody waits for comes before what nobody waits for, each kind in order', async () => {
  const order = await orderOf([
    ['sweep', 'later'],
    ['question 1', 'now'],
    ['report', 'later'],
    ['question 2', 'now'],
  ])
  assert.deepEqual(order, ['question 1', 'question 2', 'sweep', 'report'])
})

test('however many questions there are, what waits behind them is written', async () => {
  const questions = Array.from({ length: 200 }, (_, n) => [`question ${n}`, 'now'] as const)
  const order = await orderOf([['report', 'later'], ...questions])
  assert.ok(order.indexOf('report') <= 64, `it was number ${order.indexOf('report')}`)
})
