import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { pino } from 'pino'
import { Condition } from './condition.ts'
import { FAULTS, Fault } from './faults.ts'
import type { Log } from './log.ts'

function watched(code: 'FD_EXHAUSTED' | 'EDGE_FAR') {
  const lines: { event: string; level: number; code?: string; was?: string; msg: string }[] = []
  const log = pino({}, { write: (text: string) => void lines.push(JSON.parse(text)) }) as Log
  const shown: (string | undefined)[] = []
  const condition = new Condition(log, {
    ...{ begins: 'it.begins', ends: 'it.ends', over: 'It is over' },
    onChange: (fault) => shown.push(fault?.detail),
  })
  return { condition, log, lines, shown, fault: (detail: string) => new Fault(code, detail) }
}

test('a condition is one line when it begins and one when it ends, however often it is found', () => {
  const { condition, lines, shown, fault } = watched('FD_EXHAUSTED')
  condition.set(undefined)
  condition.set(fault('none left'))
  condition.set(fault('none left'))
  condition.set(fault('none left (EMFILE)'))
  assert.equal(condition.fault?.detail, 'none left (EMFILE)', 'the evidence of now is shown')
  condition.set(undefined)
  condition.set(undefined)
  assert.deepEqual(
    lines.map(({ event, level, code, was }) => [event, level, code ?? was]),
    [
      ['it.begins', 40, 'FD_EXHAUSTED'],
      ['it.ends', 30, 'FD_EXHAUSTED'],
    ],
  )
  assert.deepEqual(shown, ['none left', 'none left (EMFILE)', undefined])
  assert.equal(condition.fault, undefined)
})

test('where a condition says what makes it another one, that is logged again', () => {
  const { lines, log, fault } = watched('FD_EXHAUSTED')
  const condition = new Condition(log, {
    ...{ begins: 'it.begins', ends: 'it.ends', over: 'It is over' },
    identity: ({ detail }) => detail,
  })
  for (const detail of ['port 1', 'port 1', 'port 2']) condition.set(fault(detail))
  condition.set(undefined)
  assert.deepEqual(
    lines.map(({ event }) => event),
    ['it.begins', 'it.begins', 'it.ends'],
  )
})

test('what is over before the table says that it counts is neither logged nor shown', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const { condition, lines, shown, fault } = watched('EDGE_FAR')
    const { visibleAfterMs } = FAULTS.EDGE_FAR
    condition.set(fault('a far one'))
    mock.timers.tick(visibleAfterMs - 1)
    assert.equal(condition.fault, undefined)
    condition.set(undefined)
    mock.timers.tick(visibleAfterMs)
    assert.deepEqual([lines, shown], [[], []])
    condition.set(fault('a far one'))
    condition.set(fault('another far one'))
    mock.timers.tick(visibleAfterMs)
    assert.deepEqual(shown, ['another far one'], 'with the evidence of the moment in which it counts')
    assert.equal(lines.length, 1)
  } finally {
    mock.timers.reset()
  }
})
