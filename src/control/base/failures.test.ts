import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asFault } from '../../base/faults.ts'
import { originText } from '../../link/accept/origin.ts'
import { handClock } from '../rest/fixture.ts'
import { Derivation } from './derivation.ts'
import { Failures } from './failures.ts'

function world() {
  const clock = handClock()
  const failures = new Failures({ clock, free: 3, everyMs: 1000 })
  /** How many of so many failures from there were counted; the rest were told to wait. */
  const fail = (from: string, times: number) => {
    let counted = 0
    for (let number = 0; number < times; number++) {
      try {
        failures.failed(from)
        counted++
      } catch (thrown) {
        const { code, seen } = asFault(thrown)
        assert.equal(code, 'RATE_LIMITED')
        assert.ok(Number(seen.retryAfterS) >= 1)
      }
    }
    return counted
  }
  return { clock, fail }
}

test('a place may fail a few times, then once in a while; another place has its own share', () => {
  const { clock, fail } = world()
  assert.equal(fail('192.0.2.1', 10), 3)
  assert.equal(fail('192.0.2.2', 10), 3)
  clock.advance(1000)
  assert.equal(fail('192.0.2.1', 10), 1)
  clock.advance(100_000)
  assert.equal(fail('192.0.2.1', 10), 3, 'no more than at first, however long it was quiet')
})

test('all addresses that one customer of IPv6 has are one place', () => {
  const { fail } = world()
  assert.equal(fail('2001:db8:1:1::1', 2), 2)
  assert.equal(fail('2001:db8:1:1:ffff::9', 10), 1)
  assert.equal(fail('2001:db8:1:2::1', 10), 3)
})

test('what a remote edge says of addresses counts for that edge alone, and for all of it together', () => {
  const { fail } = world()
  assert.equal(fail(originText('192.0.2.1', 'edg_1'), 10), 3)
  assert.equal(fail('192.0.2.1', 10), 3, 'whoever comes from there directly has not failed')
  let counted = 3
  for (let number = 2; number < 50; number++) counted += fail(originText(`192.0.2.${number}`, 'edg_1'), 3)
  assert.equal(counted, 30, 'ten places’ worth, whatever addresses it makes up')
  assert.equal(fail(originText('192.0.2.1', 'edg_2'), 10), 3)
})

test('a part is made anew only where something that it is made of is another', async () => {
  let made = 0
  const make = async (of: Derivation, name: string, ...from: readonly unknown[]) =>
    of.part(name, from, async (before) => `${name}${++made}${before === undefined ? '' : ' again'}`)
  const [one, two] = [{}, {}]
  const first = new Derivation()
  assert.equal(await make(first, 'a', one, two), 'a1')
  assert.equal(await make(first, 'b', one), 'b2')
  const second = new Derivation(first)
  assert.equal(await make(second, 'a', one, two), 'a1')
  assert.equal(await make(second, 'b', two), 'b3 again')
  const third = new Derivation(second)
  assert.equal(await make(third, 'a', one, {}), 'a4 again', 'equal is not the same')
  const fourth = new Derivation(third)
  assert.equal(await make(fourth, 'b', two), 'b5', 'what the one before had no use for is forgotten')
})

test('a part that could not be made is made the next time', async () => {
  const first = new Derivation()
  const failing = first.part('a', [1], async () => {
    throw new Error('no')
  })
  await assert.rejects(failing, /^Error: no$/)
  assert.equal(await new Derivation(first).part('a', [1], async () => 'made'), 'made')
})
