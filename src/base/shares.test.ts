import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from './faults.ts'
import { Pool, type PoolRow, Rate, type RateRow, sumOfHeld } from './shares.ts'

const POOL: PoolRow = {
  ...{ resource: 'things', code: 'RATE_LIMITED', hop: 'edge', of: 120 },
  shares: [
    { by: 'device', weight: 1 },
    { by: 'user', weight: 3 },
  ],
}

/** Takes until it is refused. */
function takeAll(pool: Pool, narrow: string, wide?: string): number {
  for (let taken = 0; ; taken++) {
    if (!pool.mayTake(narrow, wide)) return taken
    pool.take(narrow, wide)
  }
}

test('alone one gets its weight of what is free; those who want all get the same; something is always left', () => {
  const pool = new Pool(POOL)
  assert.equal(takeAll(pool, 'a'), 60)
  assert.equal(takeAll(pool, 'b'), 30)
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) takeAll(pool, name)
  assert.ok(pool.mayTake('who comes next'))
  // As they let go and take again, they come to hold the same.
  for (let round = 0; round < 200; round++) {
    for (const name of ['a', 'b', 'c']) {
      if (pool.heldBy(name) > 0) pool.give(name)
      takeAll(pool, name)
    }
  }
  const held = ['a', 'b', 'c'].map((name) => pool.heldBy(name))
  assert.ok(Math.max(...held) - Math.min(...held) <= 2, `${held}`)
})

test('a device over its share leaves some to other devices of its user, and a user to other users', () => {
  const pool = new Pool(POOL)
  assert.equal(takeAll(pool, 'laptop', 'mallory'), 60)
  assert.ok(takeAll(pool, 'phone', 'mallory') >= 25)
  for (let n = 0; n < 100; n++) takeAll(pool, `device ${n}`, 'mallory')
  assert.ok(pool.heldBy('mallory') <= 90)
  assert.ok(takeAll(pool, 'desk', 'asha') >= 10)
})

test('a refusal names resource, whose share it is and how many are held; a full pool says that it is full', () => {
  const pool = new Pool(POOL, 4)
  takeAll(pool, 'a', 'u')
  const thrown = (work: () => void): Fault => {
    try {
      work()
    } catch (fault) {
      return fault as Fault
    }
    throw new Fault('INTERNAL', 'nothing was thrown')
  }
  const { code, hop, seen, detail } = thrown(() => pool.take('a', 'u'))
  assert.deepEqual([code, hop], ['RATE_LIMITED', 'edge'])
  assert.equal(detail, 'things: device a holds 2 of 4 and may not hold more')
  assert.deepEqual(seen, { resource: 'things', by: 'device', principal: 'a', held: 2, retryAfterS: 1 })
  pool.take('b')
  pool.take('c')
  assert.equal(thrown(() => pool.take('d')).detail, 'things: all 4 are in use')
})

test('property: whatever is taken and given, counts are those of who holds, and nobody is remembered who holds nothing', () => {
  let seed = 1
  const next = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  const pool = new Pool(POOL)
  const holds: [string, string][] = []
  for (let n = 0; n < 20_000; n++) {
    const [device, user] = [`d${next(9)}`, `u${next(4)}`]
    if (next(2) === 0 && pool.mayTake(device, user)) {
      pool.take(device, user)
      holds.push([device, user])
    } else if (holds.length > 0) pool.give(...holds.splice(next(holds.length), 1)[0]!)
    assert.equal(pool.taken, holds.length)
    assert.ok(pool.taken < 120)
  }
  for (const [device, user] of holds) pool.give(device, user)
  for (let n = 0; n < 9; n++) assert.equal(pool.heldBy(`d${n}`), 0)
})

const RATE: RateRow = {
  ...{ resource: 'questions', code: 'RATE_LIMITED', hop: 'control' },
  rates: [
    { by: 'device', burst: 3, perSecond: 2 },
    { by: 'user', burst: 5, perSecond: 2 },
  ],
}

test('a burst, then a pace; the refusal says when to come again, and then it is true', () => {
  let nowMs = 1000
  const rate = new Rate(RATE, () => nowMs)
  for (let n = 0; n < 3; n++) rate.take('d', 'u')
  assert.throws(() => rate.take('d', 'u'), {
    code: 'RATE_LIMITED',
    seen: { resource: 'questions', by: 'device', principal: 'd', retryAfterS: 1 },
  })
  rate.take('e', 'u')
  rate.take('e', 'u')
  assert.throws(() => rate.take('e', 'u'), {
    seen: { resource: 'questions', by: 'user', principal: 'u', retryAfterS: 1 },
  })
  assert.ok(rate.allows('e2'), 'others are not kept')
  nowMs += 1000
  rate.take('d', 'u')
  rate.take('d', 'u')
  assert.equal(rate.allows('d', 'u'), false)
  nowMs += 60_000
  for (let n = 0; n < 3; n++) rate.take('d')
  assert.equal(rate.allows('d'), false, 'nobody saves up more than a burst')
})

test('a rate remembers no more than so many, however many ask once', () => {
  let nowMs = 0
  const rate = new Rate(RATE, () => nowMs)
  for (let n = 0; n < 120_000; n++) {
    nowMs += 0.001
    assert.ok(rate.allows(`d${n}`))
  }
  assert.ok(rate.known <= 100_001, `${rate.known}`)
  nowMs += 60_000
  rate.allows('last')
  assert.equal(rate.known, 1)
})

test('what other processes hold of the same counts: of the whole, and of each who holds much', () => {
  const row: PoolRow = { ...POOL, of: 10, shares: [{ by: 'device', weight: 1 }] }
  const [here, there] = [new Pool(row), new Pool(row)]
  for (let n = 0; n < 4; n++) here.take('phone')
  assert.ok(here.mayTake('phone'))
  for (let n = 0; n < 2; n++) there.take('phone')
  here.elsewhere(sumOfHeld([there.told()]))
  assert.ok(!here.mayTake('phone'))
  assert.throws(() => here.take('phone'), /phone holds 6 of 10/)
  for (let n = 0; n < 4; n++) here.take(`other-${n}`)
  assert.throws(() => here.take('one more'), /all 10 are in use/)
  here.elsewhere({ taken: 0, most: [] })
  here.take('one more')
})

test('a process that has less than its part of the whole is held to what it has', () => {
  const pool = new Pool({ ...POOL, shares: [{ by: 'device', weight: 1 }] }, 2, 100)
  pool.take('phone')
  pool.take('laptop')
  assert.throws(() => pool.take('tablet'), /all 2 are in use/)
})
