import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Clock } from './clock.ts'
import { atDate, atEachMark, everyPeriod } from './wall-clock.ts'

const DAY_MS = 86_400_000

function handClock(): Clock & { advance(ms: number): void } {
  let ms = Date.UTC(2026, 0, 1)
  return {
    nowMs: () => ms,
    monotonicUs: () => 0,
    advance(by) {
      ms += by
    },
  }
}

/** Looks happen by the second; timers are held, so that the seconds are counted here. */
function seconds(t: TestContext): () => void {
  t.mock.timers.enable({ apis: ['setInterval'] })
  return () => t.mock.timers.tick(1000)
}

test('a date beyond 24.8 days does not come early, and comes although the machine slept through most of it', (t) => {
  const second = seconds(t)
  const clock = handClock()
  let ran = 0
  using _due = atDate(clock.nowMs() + 30 * DAY_MS, () => ran++, clock)
  second()
  assert.equal(ran, 0)
  clock.advance(30 * DAY_MS) // one second of an awake machine
  second()
  second()
  assert.equal(ran, 1)
})

test('a period counts the wall clock: once after a sleep, and at once when the clock is set back to before it', (t) => {
  const second = seconds(t)
  const clock = handClock()
  let ran = 0
  using _due = everyPeriod(7 * DAY_MS, () => ran++, clock)
  clock.advance(22 * DAY_MS)
  second()
  second()
  assert.equal(ran, 1)
  clock.advance(-1000)
  second()
  assert.equal(ran, 1)
  clock.advance(-3650 * DAY_MS)
  second()
  second()
  assert.equal(ran, 2)
  clock.advance(7 * DAY_MS)
  second()
  assert.equal(ran, 3)
})

test('marks of the clock: at the first look behind each, once, and once after a jump either way', (t) => {
  const second = seconds(t)
  const clock = handClock() // at a full minute
  clock.advance(29_500)
  let ran = 0
  using _due = atEachMark(30_000, () => ran++, clock)
  second()
  assert.equal(ran, 0)
  clock.advance(500)
  second()
  second()
  assert.equal(ran, 1, 'not half a minute after the start: at the mark')
  clock.advance(29_999)
  second()
  assert.equal(ran, 1)
  clock.advance(1 + 3 * DAY_MS)
  second()
  second()
  assert.equal(ran, 2)
  clock.advance(-DAY_MS - 60_000)
  second()
  second()
  assert.equal(ran, 3)
})

test('what was ended does not run, and one that is over leaves the others alone', (t) => {
  const second = seconds(t)
  const clock = handClock()
  const ran: string[] = []
  const ended = atDate(clock.nowMs() + 1000, () => ran.push('ended'), clock)
  using _first = atDate(clock.nowMs() + 1000, () => ran.push('first'), clock)
  using _second = atDate(clock.nowMs() + 2000, () => ran.push('second'), clock)
  ended[Symbol.dispose]()
  for (let i = 0; i < 3; i += 1) {
    clock.advance(1000)
    second()
  }
  assert.deepEqual(ran, ['first', 'second'])
})

/** The last argument of each timer that `text` sets. */
function delaysIn(text: string): string[] {
  return [...text.matchAll(/\bset(?:Timeout|Interval)\(/g)].map(({ index, 0: call }) => {
    let depth = 1
    let [at, comma] = [index + call.length, index + call.length]
    for (; depth > 0 && at < text.length; at += 1) {
      if ('([{'.includes(text[at]!)) depth += 1
      else if (')]}'.includes(text[at]!)) depth -= 1
      else if (text[at] === ',' && depth === 1 && text.slice(at + 1, at + 5).trim() !== ')') comma = at + 1
    }
    return text.slice(comma, at - 1)
  })
}

/** A date less the time of now, or days. */
function isDated(delay: string, text: string): boolean {
  if (/nowMs\b|Date\.now|86_400_000|DAY_MS/.test(delay)) return true
  const constant = new RegExp(`const ${delay.trim().replace(/\W.*$/s, '')} = [^\n]*(?:86_400_000|DAY_MS)`)
  return /^\s*[A-Z]/.test(delay) && constant.test(text)
}

test('the look for timers with dates sees them', () => {
  const period = 'const RENEW_MS = 7 * 86_400_000\nsetInterval(() => {\n  f(a, [1, 2])\n}, RENEW_MS).unref()'
  assert.ok(delaysIn(period).some((delay) => isDated(delay, period)))
  const date = 'setTimeout(() => end(f(a, b)), peer.notAfterMs - clock.nowMs())'
  assert.ok(delaysIn(date).some((delay) => isDated(delay, date)))
  const moment = 'const LOOK_MS = 1000\nsetTimeout(() => f(clock.nowMs()), LOOK_MS)'
  assert.ok(!delaysIn(moment).some((delay) => isDated(delay, moment)))
})

test('no timer is set for a date', () => {
  const root = path.resolve(import.meta.dirname, '..')
  const files = globSync('**/*.ts', { cwd: root }).filter((name) => !name.endsWith('.test.ts'))
  assert.ok(files.length > 100)
  const wrong = files.filter((name) => {
    const text = readFileSync(path.join(root, name), 'utf8')
    return delaysIn(text).some((delay) => isDated(delay, text))
  })
  assert.deepEqual(wrong, [])
})
