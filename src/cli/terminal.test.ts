import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../base/faults.ts'
import { rowOf } from './columns.ts'
import { factsText } from './facts.ts'
import { faultText } from './fault-report.ts'
import { inLine, table } from './terminal.ts'

process.env.NO_COLOR = '1'
delete process.env.FORCE_COLOR

const NASTY = 'laptop\x1b[2J\x9b31m\u202etxt\r\nadmin  open'

test('what others have named is shown, not obeyed, and begins no line of its own', () => {
  const shown = [
    table(['NAME'], [rowOf('client-device', { name: NASTY, state: 'usable' })]),
    factsText([['host', NASTY]]),
    faultText(new Fault('APP_REFUSED', NASTY, { seen: { host: NASTY } })),
  ]
  for (const text of shown) {
    assert.doesNotMatch(text, /[^\P{Cc}\n]|\p{Bidi_Control}/u)
    assert.doesNotMatch(text, /^admin/m)
    assert.match(text, /laptop\\u001b\[2J/)
  }
})

test('colours of our own are kept', () => {
  assert.equal(inLine('\x1b[31mdenied\x1b[39m\x1b[2J'), '\x1b[31mdenied\x1b[39m\\u001b[2J')
})
