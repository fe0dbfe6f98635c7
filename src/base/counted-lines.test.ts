import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CountedLines } from './counted-lines.ts'

test('the first of a kind is said at once, those behind it in one line at the end of their minute', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const said: string[] = []
  let nowMs = 0
  t.mock.method(performance, 'now', () => nowMs)
  const lines = new CountedLines()
  const note = (what: string) => lines.note(what, (times) => said.push(`${what} ${times}`))
  for (let times = 0; times < 500; times++) note('app:80 refused')
  note('app:443 refused')
  assert.deepEqual(said, ['app:80 refused 1', 'app:443 refused 1'])
  nowMs = 61_000
  t.mock.timers.tick(61_000)
  assert.deepEqual(said.slice(2), ['app:80 refused 499'])
  note('app:80 refused')
  note('app:80 refused')
  lines[Symbol.dispose]()
  assert.deepEqual(said.slice(3), ['app:80 refused 1', 'app:80 refused 1'])
})
