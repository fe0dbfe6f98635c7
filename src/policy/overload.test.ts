import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FiguresSample } from '../base/figures.ts'
import { figuresSample } from './figures.fixture.ts'
import { suspectLeak } from './leak.ts'
import { FIGURE_NAMES, firstToFill, judgeOverload, loadOf, type Overload, THRESHOLDS } from './overload.ts'
import { spareOf } from './spare.ts'
import { minutesUntil, trendOf } from './trend.ts'

const MB = 1_048_576

/** One sample every five seconds. */
function row(count: number, at: (i: number) => Partial<FiguresSample>): FiguresSample[] {
  return Array.from({ length: count }, (_, i) => figuresSample({ atMs: 1_000_000 + i * 5000, ...at(i) }))
}

/** A small generator with a seed: the same numbers on every run. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return state / 4_294_967_296
  }
}

test('a processor that is full for fifteen seconds is overload, a burst of five is not', () => {
  assert.equal(
    judgeOverload(
      row(3, (i) => ({ cpuPercent: i === 2 ? 100 : 5 })),
      undefined,
    ),
    undefined,
  )
  const over = judgeOverload(
    row(3, () => ({ cpuPercent: 97 })),
    undefined,
  )
  assert.deepEqual(over?.figures, ['cpu'])
})

test('what a control group allows is what counts: 20 of 20 percent is full', () => {
  const over = judgeOverload(
    row(3, () => ({ cpuPercent: 20, cpuLimitPercent: 20 })),
    undefined,
  )
  assert.deepEqual(over?.figures, ['cpu'])
})

test('descriptors, memory and ports are judged at once, the fullest is named first', () => {
  const over = judgeOverload(
    row(1, () => ({ fds: 92, fdLimit: 100, portsUsed: 99, portsTotal: 100 })),
    undefined,
  )
  assert.deepEqual(over?.figures, ['ports', 'descriptors'])
})

test('an overload begins once: it keeps its time until it is over, and is not left by a hair', () => {
  let before: Overload | undefined
  const samples = row(20, (i) => ({ fds: i < 5 ? 95 : i < 12 ? 80 : 60, fdLimit: 100 }))
  const said = samples.map((_, i) => {
    before = judgeOverload(samples.slice(0, i + 1), before)
    return before
  })
  assert.equal(said[4]?.sinceMs, samples[0]!.atMs)
  assert.equal(said[11]?.sinceMs, samples[0]!.atMs, '80 % is below the way in and above the way out')
  assert.equal(said[12], undefined)
})

test('a machine that is idle again is free at its next sample, not when three are forgotten', () => {
  const busy = row(3, () => ({ cpuPercent: 99, cpuWaitPercent: 60 }))
  const before = judgeOverload(busy, undefined)
  assert.deepEqual(before?.figures, ['cpu', 'cpu-wait'])
  const after = (more: Partial<FiguresSample>) =>
    judgeOverload([...busy, ...row(1, () => ({ atMs: 1_015_000, ...more }))], before)?.figures
  assert.deepEqual(after({ cpuPercent: 60, cpuWaitPercent: 15 }), ['cpu', 'cpu-wait'], 'less is not idle')
  assert.equal(after({ cpuPercent: 5, cpuWaitPercent: 2 }), undefined)
})

test('for any figures: between the two thresholds the judgement never changes', () => {
  const next = random(7)
  for (let run = 0; run < 500; run++) {
    const samples = row(12, () => ({ fds: Math.floor(next() * 110), fdLimit: 100 }))
    let before: Overload | undefined
    for (let i = 1; i <= samples.length; i++) {
      const now = judgeOverload(samples.slice(0, i), before)
      const share = samples[i - 1]!.fds / 100
      const { enter, leave } = THRESHOLDS.descriptors
      if (share >= enter) assert.ok(now?.figures.includes('descriptors'))
      else if (share < leave) assert.equal(now, undefined)
      else assert.equal(now === undefined, before === undefined)
      before = now
    }
  }
})

test('limits that are not known are never reached', () => {
  const unlimited = { cpuLimitPercent: 0, memoryLimitBytes: 0, fdLimit: 0, portsTotal: 0, cpuWaitPercent: 0 }
  assert.equal(
    judgeOverload(
      row(3, () => ({ ...unlimited, fds: 9999 })),
      undefined,
    ),
    undefined,
  )
  assert.equal(FIGURE_NAMES.length, 5)
})

test('a line is found with its slope; noise is none', () => {
  const line = row(60, (i) => ({ rssBytes: 100 * MB + i * MB }))
  const points = line.map(({ atMs, rssBytes }) => ({ atMs, value: rssBytes }))
  const trend = trendOf(points)!
  assert.ok(Math.abs(trend.perMinute - 12 * MB) < 1)
  assert.ok(trend.fit > 0.999)
  assert.ok(Math.abs(minutesUntil(279 * MB, points)! - 10) < 0.01)
  const next = random(3)
  assert.equal(
    minutesUntil(
      1,
      row(60, () => ({})).map(({ atMs }) => ({ atMs, value: next() })),
    ),
    undefined,
  )
})

test('descriptors that will be used up in minutes are said before they are', () => {
  const soon = firstToFill(row(60, (i) => ({ fds: 100 + i * 5, fdLimit: 1000 })))
  assert.equal(soon?.figure, 'descriptors')
  assert.ok(soon!.minutes > 9 && soon!.minutes < 11, String(soon?.minutes))
  assert.equal(firstToFill(row(60, () => ({}))), undefined)
})

test('memory that grows every minute without sessions is suspected, with what is left', () => {
  const leak = suspectLeak(
    row(60, (i) => ({ rssBytes: 100 * MB + i * MB, sessions: 4, memoryFreeBytes: 240 * MB })),
  )
  assert.equal(leak?.sessionsNow, 4)
  assert.ok(Math.abs(leak!.perMinuteBytes - 12 * MB) < MB)
  assert.ok(leak!.minutesLeft! > 15 && leak!.minutesLeft! < 25, String(leak?.minutesLeft))
})

test('no leak: sessions that grow with it, a collector that gives it back, a short look, little growth, a young process', () => {
  const grows = (i: number) => 100 * MB + i * MB
  assert.equal(suspectLeak(row(60, (i) => ({ rssBytes: grows(i), sessions: i }))), undefined)
  assert.equal(suspectLeak(row(60, (i) => ({ rssBytes: grows(i % 12) }))), undefined)
  assert.equal(suspectLeak(row(40, (i) => ({ rssBytes: grows(i) }))), undefined)
  assert.equal(suspectLeak(row(60, (i) => ({ rssBytes: 100 * MB + i * 10_000 }))), undefined)
  assert.equal(suspectLeak(row(60, (i) => ({ rssBytes: 109 * MB + (i * 28 * MB) / 48 }))), undefined)
})

test('two members at 70 %: one cannot carry 140 %', () => {
  const member = (name: string, load: number, serves = true) => ({ name, load, serves })
  const two = spareOf([member('a', 0.7), member('b', 0.7)])
  assert.deepEqual(two, {
    enough: false,
    text: 'N+1: no: two members at 70 %: one cannot carry 140 %',
  })
  assert.equal(
    spareOf([member('a', 0.3), member('b', 0.3), member('c', 0.3)]).text,
    'N+1: yes: three members at 30 %: two can carry 90 %, 45 % each',
  )
  assert.equal(spareOf([member('a', 0.1)]).text, 'N+1: no: a is the only member: nothing takes over')
  assert.match(spareOf([member('a', 0.1), member('b', 0, false)]).text, /the only one of 2 that serves/)
  assert.equal(spareOf([]).enough, false)
})

test('for any group: a member more never takes the spare away', () => {
  const next = random(11)
  for (let run = 0; run < 300; run++) {
    const members = Array.from({ length: 2 + Math.floor(next() * 4) }, (_, i) => ({
      name: `m${i}`,
      serves: true,
      load: next(),
    }))
    const more = [...members, { name: 'idle', serves: true, load: 0 }]
    if (spareOf(members).enough) assert.ok(spareOf(more).enough)
  }
})

test('the load of a connector is the fullest of what sessions bring', () => {
  assert.equal(loadOf(figuresSample({ cpuPercent: 30, fds: 50, fdLimit: 100 })), 0.5)
})
