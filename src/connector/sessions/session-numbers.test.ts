import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newId } from '../../base/ids.ts'
import { CLIENT_NUMBERS, isSessionOf, sessionId, sessionNumber } from '../../base/session-id.ts'
import { NumbersOfGrants, SessionNumbers } from './session-numbers.ts'

const AT_MS = 1_790_000_000_000
const newGrant = () => ({ id: newId('grt', AT_MS), expiresMs: AT_MS + 600_000 })

/** Is the stream on record under the id that it came with? */
function taken(numbers: SessionNumbers, number: number, atMs = AT_MS): boolean {
  const session = sessionId(numbers.grant, number, atMs)
  return numbers.idFor(session, atMs) === session
}

test('an id is of one stream, in whatever order they come and whatever time is written in them', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 200 }), (order) => {
      const numbers = new SessionNumbers(newGrant())
      const seen = new Set<number>()
      for (const [at, number] of order.entries()) {
        assert.equal(taken(numbers, number, AT_MS + at), !seen.has(number))
        seen.add(number)
      }
    }),
  )
})

test('far behind the newest no id is taken a second time, and not for the first time either', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 500_000 }), { maxLength: 100 }), (order) => {
      const numbers = new SessionNumbers(newGrant())
      const seen = new Set<number>()
      let highest = -1
      for (const number of order) {
        const expected = !seen.has(number) && number > highest - 16_384
        assert.equal(taken(numbers, number), expected, `${number} of ${order}`)
        if (expected) seen.add(number)
        highest = Math.max(highest, number)
      }
    }),
  )
})

test('what comes without an id of its own gets one of the grant that no other stream has', () => {
  const [numbers, other] = [new SessionNumbers(newGrant()), newGrant()]
  const older = new SessionNumbers(newGrant(), true)
  const seen = new Set<string>()
  const own = (of: SessionNumbers, session: string) => {
    const id = of.idFor(session, AT_MS)
    assert.ok(isSessionOf(id, of.grant) && sessionNumber(id) >= CLIENT_NUMBERS && !seen.has(id))
    seen.add(id)
  }
  numbers.idFor(sessionId(numbers.grant, 1, AT_MS), AT_MS)
  for (let n = 0; n < 100; n++) {
    own(numbers, sessionId(numbers.grant, 1, AT_MS + n))
    own(numbers, sessionId(other, 1, AT_MS))
    own(numbers, newId('ses', AT_MS))
    own(numbers, sessionId(numbers.grant, CLIENT_NUMBERS + n, AT_MS))
    own(older, sessionId(older.grant, n, AT_MS))
  }
})

test('grants are forgotten when they end, and not before', () => {
  const all = new NumbersOfGrants()
  const first = newGrant()
  const numbers = all.of(first, AT_MS)
  assert.ok(taken(numbers, 7))
  for (let n = 0; n < 5000; n++) all.of(newGrant(), AT_MS)
  assert.equal(taken(all.of(first, AT_MS), 7), false)
  for (let n = 0; n < 20_000; n++)
    all.of({ ...newGrant(), expiresMs: AT_MS + 700_000 + n * 1000 }, AT_MS + 650_000 + n * 1000)
  assert.ok(all.size < 3000, `${all.size}`)
})
