import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from './turns.ts'

test('those of each key take turns, and a key that may not go is passed over', () => {
  const turns = new Turns<string>()
  for (const n of [1, 2, 3]) turns.add('flood', `flood ${n}`)
  turns.add('one', 'one')
  turns.add('other', 'other')
  assert.deepEqual([turns.size, turns.waitingOf('flood'), turns.waitingOf('nobody')], [5, 3, 0])
  const order = [turns.next(), turns.next(), turns.next((key) => key === 'flood'), turns.next(), turns.next()]
  assert.deepEqual(order, ['flood 1', 'one', 'flood 2', 'other', 'flood 3'])
  assert.equal(turns.next(), undefined)
  turns.add('a', 'a')
  assert.equal(
    turns.next(() => false),
    undefined,
  )
  turns.clear()
  assert.deepEqual([turns.size, turns.next()], [0, undefined])
})
