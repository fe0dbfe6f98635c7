import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { AttemptQueue, type Share } from './attempt-queue.ts'
import { FailureBudget } from './failure-budget.ts'

function open(o: { free: number; everyMs: number; maxWaitMs: number }) {
  const budget = new FailureBudget({ clock: systemClock, ...o })
  const tried = new FailureBudget({ clock: systemClock, free: Number.POSITIVE_INFINITY, everyMs: 60_000 })
  const turns = new AttemptQueue(o.maxWaitMs)
  const order: string[] = []
  const shares = (who: string): Share[] => [
    { budget, key: 'user', of: 'at user alice' },
    { budget: tried, key: who, of: '', tells: true },
  ]
  const take = async (who: string) => {
    await turns.take(shares(who))
    order.push(who)
  }
  return { turns, take, shares, order }
}

test('room goes to whoever has tried least, then to whoever has waited longest', async () => {
  const { take, order } = open({ free: 2, everyMs: 30, maxWaitMs: 60_000 })
  await Promise.all([take('attacker'), take('attacker')])
  await Promise.all([take('attacker'), take('attacker'), take('alice'), take('bob')])
  assert.deepEqual(order, ['attacker', 'attacker', 'alice', 'bob', 'attacker', 'attacker'])
})

test('what is given back goes to the next at once', async () => {
  const { turns, take, shares, order } = open({ free: 1, everyMs: 3_600_000, maxWaitMs: 7_200_000 })
  await take('a')
  const next = take('b')
  turns.giveBack(shares('a'))
  await next
  assert.deepEqual(order, ['a', 'b'])
})

test('whoever would wait too long is told when to come again, and those behind go on', async () => {
  const { turns, take, shares } = open({ free: 1, everyMs: 3_600_000, maxWaitMs: 3_700_000 })
  await take('a')
  const b = take('b')
  const refused = { code: 'RATE_LIMITED', detail: /at user alice: wait \d+ s/, seen: { retryAfterS: 7200 } }
  await assert.rejects(take('c'), refused)
  turns.giveBack(shares('a'))
  await b
})

test('whoever is turned away from a full queue hears of their own share, not of the newcomer’s', async () => {
  const everyMs = 1_000_000
  const budget = new FailureBudget({ clock: systemClock, free: 1, everyMs })
  const tried = new FailureBudget({ clock: systemClock, free: Number.POSITIVE_INFINITY, everyMs })
  const turns = new AttemptQueue(2_000 * everyMs)
  const shares = (user: string, who: string): Share[] => [
    { budget, key: user, of: `for user ${user}` },
    { budget: tried, key: who, of: '', tells: true },
  ]
  await turns.take(shares('alice', 'attacker'))
  const told: string[] = []
  const waiting = Array.from({ length: 1000 }, () =>
    turns
      .take(shares('alice', 'attacker'))
      .catch(({ detail }: Error & { detail: string }) => told.push(detail)),
  )
  await turns.take(shares('bob', 'bob'))
  const bob = turns.take(shares('bob', 'bob at his phone'))
  turns.giveBack(shares('bob', 'bob'))
  await bob
  for (const _ of waiting) turns.giveBack(shares('alice', 'attacker'))
  await Promise.all(waiting)
  assert.equal(told.length, 1)
  assert.match(told[0]!, /for user alice/)
})
