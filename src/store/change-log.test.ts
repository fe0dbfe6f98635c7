import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Kind } from '../api/kinds.ts'
import { ChangeLog } from './change-log.ts'

const ids = (...all: string[]) => new Map(all.map((id) => [id, 'user' as Kind]))

test('a log tells what changed since a mark, each id once', () => {
  const log = new ChangeLog()
  log.add(ids('a', 'b'), true)(true)
  const { mark } = log
  log.add(ids('b'), false)(true)
  log.add(ids('c', 'b'), true)(true)
  assert.deepEqual(log.since(mark), { changed: ids('b', 'c'), versions: 1 })
  assert.deepEqual(log.since(0), { changed: ids('a', 'b', 'c'), versions: 2 })
  assert.deepEqual(log.since(log.mark), { changed: ids(), versions: 0 })
})

test('a mark that the log has not reached yet means nothing', () => {
  const log = new ChangeLog()
  assert.equal(log.since(1), undefined)
})

test('a view as of one moment does not see what comes later, nor what is not durable', () => {
  const log = new ChangeLog()
  log.add(ids('a'), true)(true)
  const isDurable = log.add(ids('b'), true)
  const view = log.asOf()
  assert.deepEqual(view.since(0), { changed: ids('a'), versions: 1 })
  isDurable(true)
  log.add(ids('c'), true)(true)
  assert.deepEqual(view.since(0), { changed: ids('a'), versions: 1 })
  assert.equal(view.since(log.mark), undefined, 'behind its end')
  assert.equal(view.log, log.log)
  assert.deepEqual(log.since(view.mark), { changed: ids('b', 'c'), versions: 2 })
})

test('a change that came to nothing is no version of policy, and moves no mark', () => {
  const log = new ChangeLog()
  const isDurable = log.add(ids('a'), true)
  const { mark } = log
  isDurable(false)
  assert.deepEqual(log.since(0), { changed: ids('a'), versions: 0 })
  assert.equal(log.mark, mark)
})

test('who is further behind than the log remembers is told to read everything', () => {
  const log = new ChangeLog()
  const many = Array.from({ length: 15_000 }, (_, index) => `id-${index}`)
  log.add(ids('a'), true)(true)
  log.add(ids(...many), true)(true)
  log.trim()
  assert.deepEqual(log.since(0)?.versions, 2)
  log.add(ids(...many), true)(true)
  log.trim()
  assert.equal(log.since(0), undefined)
  assert.equal(log.since(1), undefined)
  assert.equal(log.since(2)?.changed.size, 15_000)
})

test('whatever is added and trimmed, an answer is complete or there is none', () => {
  const entry = fc.record({
    many: fc.constantFrom(1, 3, 9000),
    policy: fc.boolean(),
    durable: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 8 }), (entries) => {
      const log = new ChangeLog()
      const added: { ids: string[]; counts: boolean }[] = []
      for (const [number, { many, policy, durable }] of entries.entries()) {
        const own = Array.from({ length: many }, (_, index) => `${number}-${index}`)
        log.add(ids(...own), policy)(durable)
        log.trim()
        added.push({ ids: own, counts: policy && durable })
        assert.equal(log.mark, added.length)
        for (let mark = 0; mark <= added.length; mark++) {
          const answer = log.since(mark)
          if (answer === undefined) continue
          const later = added.slice(mark)
          assert.equal(answer.changed.size, later.flatMap((one) => one.ids).length)
          assert.equal(answer.versions, later.filter(({ counts }) => counts).length)
        }
        assert.notEqual(log.since(log.mark), undefined)
      }
    }),
    { numRuns: 30 },
  )
})
