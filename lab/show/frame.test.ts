import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frame, type Shown, type ShownStage } from './frame.ts'

const PLAIN = { colour: false, widthChars: 60 }
const socket = '/run/a/status.sock'

const STAGES: ShownStage[] = [
  { stage: 1, name: 'daemon started', state: 'passed', durationMs: 12 },
  { stage: 2, name: 'names', state: 'running' },
  {
    ...{ stage: 3, name: 'TCP and TLS', state: 'failed', durationMs: 4 },
    fault: { code: 'EGRESS_REJECTED', hop: 'edge', detail: 'ECONNREFUSED' },
  },
  { stage: 4, name: 'key', state: 'waiting' },
]

function drawn(shown: Partial<Shown>, options = PLAIN, broken?: string): string[] {
  return frame([{ name: 'connector-a', socket, ...shown }], options, broken).split('\n')
}

test('each stage has its mark, and the one that failed says hop and code', () => {
  assert.deepEqual(drawn({ status: { state: 'connecting', stages: STAGES } }), [
    'connector-a  connecting',
    '  ✓ 1 daemon started  12 ms',
    '  … 2 names',
    '  ✗ 3 TCP and TLS  4 ms',
    '      edge EGRESS_REJECTED: ECONNREFUSED',
    '  · 4 key',
  ])
})

test('a daemon that does not answer failed at the first stage', () => {
  const lines = drawn({})
  assert.equal(lines[0], 'connector-a  no answer')
  assert.equal(lines[1], '  ✗ 1 daemon started')
  assert.match(lines[2]!, /connector DAEMON_DOWN: nothing answers at /)
  assert.equal(lines.filter((line) => line.startsWith('  ·')).length, 5)
})

test('red only where a fault stops it, and only where colours are wanted', () => {
  const status = { state: 'connecting', stages: STAGES }
  const red = drawn({ status }, { ...PLAIN, colour: true }).filter((line) => line.includes('\x1b[31m'))
  assert.equal(red.length, 3) // the state, the stage, the fault
  assert.ok(!drawn({ status }).some((line) => line.includes('\x1b')))
})

test('what a daemon says cannot move the cursor, and no line is wider than the terminal', () => {
  const fault = { code: 'X', hop: 'edge', detail: `\x1b[2J${'long '.repeat(40)}` }
  const lines = drawn({
    status: { state: 'connecting', stages: [{ stage: 3, name: 'TCP', state: 'failed', fault }] },
  })
  assert.ok(lines.every((line) => line.length <= 60 && !line.includes('\x1b')))
})
