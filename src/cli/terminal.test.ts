import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { KIND_NAMES } from '../api/kinds.ts'
import { Fault } from '../base/faults.ts'
import { paint, withoutPaint } from '../base/paint.ts'
import { cellsOf, HEADS } from './columns.ts'
import { resourceText } from './describe.ts'
import { faultJson, faultText } from './fault-report.ts'
import { table } from './terminal.ts'

test('a table lines up, whatever is coloured, and ends no line with spaces', () => {
  const lines = withoutPaint(
    table(
      ['A', 'LONGER'],
      [
        [paint('green', 'green'), 'x'],
        ['b', 'yy'],
      ],
    ),
  )
  assert.equal(lines, 'A      LONGER\ngreen  x\nb      yy')
})

for (const kind of KIND_NAMES) {
  test(`a ${kind} of which nothing is known is still a row`, () => {
    const row = cellsOf(kind, { id: 'x', state: 'healthy', bytesUp: 0, bytesDown: 0 })
    assert.equal(row.length, HEADS[kind].length)
    for (const cell of row) assert.notEqual(cell, '')
  })
}

test('a cell is not longer than a screen: describe shows all of it', () => {
  const [name] = cellsOf('segment', { name: 'x'.repeat(5000) })
  assert.equal(name!.length, 200)
  assert.ok(name!.endsWith('…'))
})

test('describe: ids come with what they are called, maps are indented', () => {
  const text = stripVTControlCharacters(
    resourceText({
      name: 'web',
      group: 'grp_1',
      names: { grp_1: 'dc1' },
      host: { platform: 'Linux' },
      tcp: [],
    }),
  )
  assert.equal(text, 'name   web\ngroup  dc1 grp_1\nhost\n  platform  Linux\ntcp    none')
})

test('a fault says code, hop, what happened, what was seen, cause, fix and how to verify', () => {
  const fault = new Fault('APP_REFUSED', '10.0.0.5:443', { seen: { errno: 'ECONNREFUSED' } })
  const lines = stripVTControlCharacters(faultText(fault)).split('\n')
  assert.equal(lines[0], 'APP_REFUSED (application): The application refused the connection: 10.0.0.5:443')
  assert.deepEqual(
    lines.slice(1).map((line) => line.trim().split(/\s+/)[0]),
    ['seen', 'cause', 'fix', 'verify'],
  )
  assert.deepEqual(Object.keys(faultJson(fault)), [
    ...['code', 'hop', 'title', 'detail', 'retry', 'seen', 'cause', 'fix', 'verify'],
  ])
})
