import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type CrewOptions, runCrew } from './crew.ts'

/** Works off pieces, and counts how many worked at once at most. */
async function worked(pieces: number, o: Partial<CrewOptions>): Promise<{ most: number; done: number }> {
  let [left, now, most, done] = [pieces, 0, 0, 0]
  await runCrew({
    ...{ left: () => left, idle: () => 0, hasMemory: () => true, pace: () => 1, lookMs: 5 },
    async work(isTooMany) {
      most = Math.max(most, ++now)
      while (left > 0) {
        left--
        await delay(10)
        done++
        if (isTooMany()) break
      }
      now--
    },
    ...o,
  })
  return { most, done }
}

const processors = availableParallelism()

test('where processors are idle more begin, up to five for each of them', async () => {
  assert.deepEqual(await worked(300, { idle: () => 0.5 }), { most: 5 * processors, done: 300 })
})

test('where they are busy, or there is no memory, it stays as it began', async () => {
  assert.deepEqual(await worked(40, {}), { most: 2 * processors, done: 40 })
  const none = await worked(40, { idle: () => 0.5, hasMemory: () => false })
  assert.equal(none.most, 2 * processors)
})

test('a machine that is far too slow gets fewer, and all is done all the same', async () => {
  assert.deepEqual(await worked(20, { pace: () => 8 }), { most: 1, done: 20 })
  assert.deepEqual(await worked(20, { pace: () => 4 }), { most: processors, done: 20 })
  let looks = 0
  assert.equal((await worked(60, { pace: () => (looks++ === 0 ? 1 : 10) })).done, 60)
})

test('exactly as many as somebody said, and no more than there is to do', async () => {
  assert.equal((await worked(9, { atOnce: 3, idle: () => 1 })).most, 3)
  assert.equal((await worked(1, { atOnce: 3 })).most, 1)
})

test('what one throws is thrown when the others are done', async () => {
  let ended = 0
  const work = async () => {
    if (ended++ === 0) throw new Error('no lab comes up')
    await delay(20)
    ended += 10
  }
  await assert.rejects(worked(2, { work, left: () => 2, atOnce: 2 }), /no lab comes up/)
  assert.equal(ended, 12)
})
