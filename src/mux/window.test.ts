import assert from 'node:assert/strict'
import { test } from 'node:test'
import { INITIAL_WINDOW } from '../wire/frame.ts'
import { ByteBudget } from './byte-budget.ts'
import { FloodGate } from './flood-gate.ts'
import { MAX_WINDOW, nextWindow } from './window.ts'

/** The window a stream settles at when the path takes `bytesPerUs`, or a window per round trip if that is less. */
function settle(bytesPerUs: number, rttUs: number): number {
  let window = INITIAL_WINDOW
  for (let i = 0; i < 100; i++) {
    const rate = Math.min(bytesPerUs, window / rttUs)
    window = nextWindow(window, window / 2 / rate, rttUs)
  }
  return window
}

const CASES: { name: string; bytesPerUs: number; rttUs: number; want: [number, number] }[] = [
  {
    name: '1 MB/s over 20 ms needs no more than the first window',
    bytesPerUs: 1,
    rttUs: 20_000,
    want: [1, 1],
  },
  {
    name: '100 MB/s over 20 ms: 8 to 16 times 2 MB, at most 16 MiB',
    bytesPerUs: 100,
    rttUs: 20_000,
    want: [64, 64],
  },
  {
    name: '100 MB/s over 60 ms: no more than 16 MiB',
    bytesPerUs: 100,
    rttUs: 60_000,
    want: [64, 64],
  },
  { name: '2 MB/s over 60 ms: 8 to 16 times 120 kB', bytesPerUs: 2, rttUs: 60_000, want: [4, 8] },
  { name: '700 MB/s on loopback stays small', bytesPerUs: 700, rttUs: 150, want: [16, 64] },
]
for (const { name, bytesPerUs, rttUs, want } of CASES) {
  test(`window: ${name}`, () => {
    const window = settle(bytesPerUs, rttUs) / INITIAL_WINDOW
    assert.ok(window >= want[0] && window <= want[1], `${window} times the first`)
  })
}

test('window: a reader that slows down gets less, never below the first', () => {
  let window = MAX_WINDOW
  for (let i = 0; i < 20; i++) window = nextWindow(window, 1_000_000, 20_000)
  assert.equal(window, INITIAL_WINDOW)
})

test('budget: what does not fit in the process does not fit in the tunnel', () => {
  const process = new ByteBudget(100)
  const [one, two] = [new ByteBudget(80, process), new ByteBudget(80, process)]
  assert.ok(one.tryTake(80))
  assert.equal(one.tryTake(1), false)
  assert.equal(two.tryTake(40), false)
  assert.ok(two.tryTake(20))
  one.give(80)
  assert.ok(two.tryTake(40))
  assert.equal(process.usedBytes, 60)
})

test('budget: a tunnel that takes all it can get leaves some for the next', () => {
  const process = new ByteBudget(100)
  const all = (budget: ByteBudget) => {
    while (budget.tryTake(1));
    return budget.usedBytes
  }
  assert.equal(all(new ByteBudget(80, process)), 50)
  assert.equal(all(new ByteBudget(80, process)), 25)
  const standing = new ByteBudget(80, process)
  standing.add(13)
  assert.equal(standing.exceeded, true, 'the one that holds more than is left gives way')
  const next = new ByteBudget(80, process)
  assert.ok(next.tryTake(1))
  assert.equal(next.exceeded, false)
})

test('flood gate: a slow crowd passes, a flood does not', () => {
  const gate = new FloodGate(1_000, 'things')
  for (let i = 0; i < 999; i++) gate.count()
  assert.throws(
    () => {
      for (let i = 0; i < 2_000; i++) gate.count()
    },
    { code: 'PROTOCOL_ERROR' },
  )
})
