import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairQueue } from './fair-queue.ts'

/** Work that ends when it is told, in the order it was begun. */
function work() {
  const begun: string[] = []
  const ends: (() => void)[] = []
  return {
    begun,
    of: (name: string) => () => {
      begun.push(name)
      const { promise, resolve } = Promise.withResolvers<string>()
      ends.push(() => resolve(name))
      return promise
    },
    async endAll() {
      for (let at = 0; at < ends.length; at++) {
        ends[at]!()
        await new Promise(setImmediate)
      }
    },
  }
}

test('a few at once, the others in turn, none forgotten; keys take turns', async () => {
  const { begun, of, endAll } = work()
  const queue = new FairQueue({ atOnce: 1, maxWaitMs: 60_000 })
  const flood = Array.from({ length: 5 }, (_, n) => queue.run('flood', of(`flood ${n}`)))
  const one = queue.run('one', of('one'))
  const other = queue.run('other', of('other'))
  assert.deepEqual(begun, ['flood 0'])
  await endAll()
  assert.deepEqual(begun, ['flood 0', 'flood 1', 'one', 'other', 'flood 2', 'flood 3', 'flood 4'])
  assert.deepEqual(await Promise.all([...flood, one, other]), [
    ...begun.filter((name) => /flood/.test(name)),
    'one',
    'other',
  ])
  const late = queue.run('late', of('late'))
  assert.equal(begun.at(-1), 'late', 'all places are free again')
  await endAll()
  await late
})

test('whoever would wait too long is told when to come again, and others are let in', async () => {
  const { of, endAll } = work()
  const queue = new FairQueue({ atOnce: 2, maxWaitMs: 300 })
  const all = Array.from({ length: 100 }, () => queue.run('flood', of('x')))
  const settled = Promise.allSettled(all)
  const one = queue.run('one', of('one'))
  await endAll()
  assert.equal(await one, 'one')
  const refused = (await settled).filter((result) => result.status === 'rejected')
  assert.ok(refused.length > 50)
  for (const { reason } of refused) {
    assert.equal(reason.code, 'RATE_LIMITED')
    assert.ok(reason.seen.retryAfterS >= 1)
  }
})

test('who is known is next, and is told of no queue of strangers', async () => {
  const { begun, of, endAll } = work()
  const queue = new FairQueue({ atOnce: 1, maxWaitMs: 200 })
  const strangers = Array.from({ length: 5 }, (_, n) => queue.run(`stranger ${n}`, of(`stranger ${n}`)))
  const settled = Promise.allSettled(strangers)
  const known = queue.run('known', of('known'), true)
  await endAll()
  assert.deepEqual(begun.slice(0, 3), ['stranger 0', 'known', 'stranger 1'])
  await Promise.all([known, settled])
})

test('what fails gives its place on', async () => {
  const queue = new FairQueue({ atOnce: 1, maxWaitMs: 1000 })
  const fails = () => Promise.reject(new Error('no'))
  const all = await Promise.allSettled([
    queue.run('a', fails),
    queue.run('a', fails),
    queue.run('b', async () => 1),
  ])
  assert.deepEqual(
    all.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled'],
  )
})
