import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { WatchedApplication } from '../../wire/control.ts'
import { Probes } from './probes.ts'

const APP: WatchedApplication = {
  ...{ segment: 'seg_1', segmentName: 'hr', host: '10.0.0.1', port: 443 },
  ...{ networks: [], everyMs: 30_000 },
}
const settled = () => new Promise(setImmediate)

/** Every dial waits until the test ends it. */
function fixture(t: TestContext) {
  let nowMs = 0
  t.mock.timers.enable({ apis: ['setInterval'] })
  t.mock.method(performance, 'now', () => nowMs)
  const dials: (() => void)[] = []
  const said: string[] = []
  const services = {
    resolver: {} as never,
    dialer: {
      dial(_addresses: readonly string[], _port: number, done: () => void) {
        dials.push(done)
        return () => {}
      },
    } as never,
    moved: { worked: () => {}, failed: () => {} } as never,
    reach: {
      probed: ({ host }: { host: string }) => void said.push(`probed ${host}`),
      unwatched: ({ host }: { host: string }) => void said.push(`unwatched ${host}`),
    },
    looks: {
      reached: ({ host }: { host: string }, why: string) => void said.push(`${why} ${host}`),
      forget: ({ host }: { host: string }) => void said.push(`forgot ${host}`),
    },
  }
  const probes = new Probes(services)
  t.after(() => probes[Symbol.dispose]())
  return {
    probes,
    dials,
    said: () => said.splice(0),
    async pass(ms: number) {
      nowMs += ms
      t.mock.timers.tick(ms)
      await settled()
    },
  }
}

test('what is watched is tried in its turn, and reached means a deep check', async (t) => {
  const { probes, dials, said, pass } = fixture(t)
  probes.replace([APP])
  await pass(250)
  assert.equal(dials.length, 1)
  dials[0]!()
  await settled()
  assert.deepEqual(said(), ['probed 10.0.0.1', 'check 10.0.0.1'])
  await pass(29_000)
  assert.equal(dials.length, 1)
  await pass(1000)
  assert.equal(dials.length, 2)
})

test('a new list in the middle of an attempt: it counts, and the next one is made', async (t) => {
  const { probes, dials, said, pass } = fixture(t)
  probes.replace([APP])
  await pass(250)
  probes.replace([APP, { ...APP, host: '10.0.0.2' }])
  dials[0]!()
  await settled()
  assert.deepEqual(said(), ['probed 10.0.0.1', 'check 10.0.0.1'])
  await pass(30_000)
  assert.equal(dials.length, 3, 'the new one at once, the old one in its turn')
})

test('taken off the list in the middle of an attempt: nobody wants to know', async (t) => {
  const { probes, dials, said, pass } = fixture(t)
  probes.replace([APP])
  await pass(250)
  probes.replace([])
  dials[0]!()
  await settled()
  assert.deepEqual(said(), ['unwatched 10.0.0.1', 'forgot 10.0.0.1'])
})

test('without control nothing is tried, and nothing is forgotten', async (t) => {
  const { probes, dials, said, pass } = fixture(t)
  probes.replace([APP])
  probes.pause()
  await pass(60_000)
  assert.deepEqual([dials.length, probes.count, said()], [0, 1, []])
  probes.replace([APP])
  await pass(250)
  assert.equal(dials.length, 1)
})

test('a session of what is watched is reason for a deep check, one of anything else is not', (t) => {
  const { probes, said } = fixture(t)
  probes.replace([APP])
  probes.used(APP)
  probes.used({ ...APP, port: 80 })
  assert.deepEqual(said(), ['session 10.0.0.1'])
})
