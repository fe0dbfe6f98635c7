import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonText } from './json-text.ts'

test('the text is that of JSON.stringify', async () => {
  const values: object[] = [
    {},
    { a: 1, b: undefined, c: null, d: 'x"\n', e: [], f: { g: [undefined, 1] } },
    { steps: [1, undefined, { a: [2] }, 'x', null], 'odd "name"': true, at: new Date(0) },
  ]
  for (const value of values) assert.equal(await jsonText(value), JSON.stringify(value))
})

test('others have their turns while a long list is written', async () => {
  let turns = 0
  let on = true
  const count = () => {
    turns++
    if (on) setImmediate(count)
  }
  setImmediate(count)
  const slow = { toJSON: () => busyFor(1) }
  const text = await jsonText({ list: Array(30).fill(slow) })
  on = false
  assert.equal(JSON.parse(text).list.length, 30)
  assert.ok(turns >= 4, `${turns} turns`)
})

function busyFor(ms: number): number {
  for (const endMs = performance.now() + ms; performance.now() < endMs; );
  return ms
}
