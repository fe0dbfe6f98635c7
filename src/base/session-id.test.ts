import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { idTimeMs, isId, newId } from './ids.ts'
import { CLIENT_NUMBERS, CONNECTOR_NUMBERS, isSessionOf, sessionId, sessionNumber } from './session-id.ts'

const AT_MS = 1_790_000_000_000
const grant = (atMs = AT_MS) => ({ id: newId('grt', atMs), expiresMs: atMs + 600_000 })

test('every session of a grant has an id of its own, which says of which grant it is and sorts by time', () => {
  const [mine, other] = [grant(), grant()]
  const number = fc.integer({ min: 0, max: CLIENT_NUMBERS + CONNECTOR_NUMBERS - 1 })
  fc.assert(
    fc.property(number, number, fc.integer({ min: 0, max: 599_999 }), (one, two, afterMs) => {
      const id = sessionId(mine, one, AT_MS + afterMs)
      assert.ok(isId(id, 'ses') && isSessionOf(id, mine) && !isSessionOf(id, other))
      assert.equal(sessionNumber(id), one)
      assert.equal(idTimeMs(id), AT_MS + afterMs)
      assert.equal(sessionId(mine, two, AT_MS + afterMs) === id, one === two)
      assert.ok(sessionId(mine, two, AT_MS + afterMs + 1) > id)
    }),
  )
})

test('whatever the clock of a device shows, the time of an id lies within the life of its grant', () => {
  const mine = grant()
  for (const atMs of [0, AT_MS - 1, AT_MS + 600_001, AT_MS * 2])
    assert.ok(isSessionOf(sessionId(mine, 3, atMs), mine))
  const day = 86_400_000
  const at = (ms: number) => sessionId({ id: mine.id, expiresMs: AT_MS + day }, 3, ms)
  assert.ok(isSessionOf(at(AT_MS + 600_000), mine))
  assert.ok(!isSessionOf(at(AT_MS + 600_001), mine))
  assert.ok(
    !isSessionOf(sessionId({ ...mine, id: `grt_0000000000${mine.id.slice(14)}` }, 3, AT_MS - 1), mine),
  )
})

test('an id of nothing, or of anything else, is of no grant', () => {
  const mine = grant()
  for (const id of ['', 'ses_', newId('ses', AT_MS), mine.id, sessionId(mine, 1, AT_MS).toUpperCase()]) {
    assert.ok(!isSessionOf(id, mine), id)
  }
})
