import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import { watchCanary } from './canary-watch.ts'

const RESULT = { handoverUs: 1, innerTlsUs: 1, pingUs: 1, wrapped: false }

/** Flies canaries with these results, one after the other. */
async function watched(results: boolean[]): Promise<{ heard: string[]; pausesMs: number[] }> {
  const heard: string[] = []
  const pausesMs: number[] = []
  const stop = new AbortController()
  await watchCanary(
    {
      fly: async () => {
        if (!results[pausesMs.length]) throw new Fault('PAIR_TIMEOUT', 'lost')
        return RESULT
      },
      onHealthy: () => void heard.push('healthy'),
      onUnhealthy: (fault) => void heard.push(fault.code),
      pause: async (pauseMs) => {
        pausesMs.push(pauseMs)
        if (pausesMs.length === results.length) stop.abort()
      },
    },
    stop.signal,
  )
  return { heard, pausesMs }
}

test('watchCanary: the first loss counts at once when nothing was ever healthy', async () => {
  assert.deepEqual((await watched([false, true])).heard, ['PAIR_TIMEOUT', 'healthy'])
})

test('watchCanary: one loss between two successes is no news, two in a row are', async () => {
  const { heard } = await watched([true, false, true, false, false, true])
  assert.deepEqual(heard, ['healthy', 'healthy', 'PAIR_TIMEOUT', 'healthy'])
})

test('watchCanary: about a minute apart, each a little different, and soon again after a loss', async () => {
  const { pausesMs } = await watched([true, true, true, false])
  for (const pauseMs of pausesMs.slice(0, 3)) assert.ok(pauseMs >= 54_000 && pauseMs <= 66_000)
  assert.notEqual(pausesMs[0], pausesMs[1])
  assert.ok(pausesMs[3]! <= 1000)
})
