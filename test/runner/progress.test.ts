import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Progress } from './progress.ts'

function shown(isTTY: boolean) {
  let text = ''
  const clock = { ms: 0 }
  const write = (part: string) => {
    text += part
    return true
  }
  const out = { isTTY, columns: 60, write }
  return {
    clock,
    text: () => text,
    progress: new Progress({ stage: 'system', of: 9, out, now: () => clock.ms }),
  }
}

test('the line says how far it is, and names what is slow', () => {
  const { progress, clock } = shown(false)
  using _ = progress
  const quick = progress.begin(['test/quick.test.ts'])
  quick.tests = 3
  progress.end(quick)
  const slow = progress.begin(['test/slow.test.ts', 'test/other.test.ts'])
  slow.tests = 1
  clock.ms = 31_000
  progress.begin(['test/new.test.ts'])
  assert.equal(progress.line, 'system     31 s  1 of 9 files, 4 tests · slow and 1 more 31 s')
})

test('a process alone that takes long says itself where it stands', () => {
  const { progress, clock } = shown(false)
  using _ = progress
  progress.begin(['test/lab/every-fault.test.ts']).said = 'SCN-05:drop (7 of 153): cured'
  clock.ms = 9000
  assert.match(progress.line, /every-fault 9 s · SCN-05:drop \(7 of 153\): cured$/)
})

test('on a terminal one line is drawn again, cut to its width, and is gone at the end; elsewhere lines are rare', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const terminal = shown(true)
  const log = shown(false)
  terminal.progress.begin([`test/${'long'.repeat(20)}.test.ts`])
  t.mock.timers.tick(10_000)
  assert.equal(log.text(), '')
  assert.equal(terminal.text().split('\r').length, 21)
  assert.ok(
    terminal
      .text()
      .split('\r')
      .every((line) => line.replace('\x1b[K', '').length < 60),
  )
  t.mock.timers.tick(10_000)
  assert.equal(log.text(), 'system     0 s  0 of 9 files, 0 tests\n')
  terminal.progress[Symbol.dispose]()
  assert.ok(terminal.text().endsWith('\r\x1b[K'))
  log.progress[Symbol.dispose]()
})
