import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type KeyRing, ROTATION, rotateKeys, signerOf } from './key-ring.ts'
import { verifyKeys } from './signing-keys.ts'
import { signTicket, type Ticket, verifyTicket } from './ticket.ts'

const HOUR_MS = 3_600_000

test('the first key signs at once; the next one only after it has been published for a while', () => {
  const first = rotateKeys([], 0)
  assert.equal(first.length, 1)
  assert.equal(signerOf(first, 0), first[0]!.key)
  const due = ROTATION.signForMs
  const second = rotateKeys(first, due)
  assert.equal(second.length, 2)
  assert.equal(signerOf(second, due), first[0]!.key)
  assert.equal(signerOf(second, due + ROTATION.aheadMs), second[0]!.key)
  const over = due + ROTATION.aheadMs + ROTATION.verifyForMs
  assert.equal(rotateKeys(second, over - 1), second, 'nothing is due')
  assert.deepEqual(rotateKeys(second, over), [second[0]])
})

test('an empty ring signs nothing', () => {
  assert.throws(() => signerOf([], 0), RangeError)
})

test('property: whenever rotation runs, a verifier up to an hour behind accepts every token that lives', async () => {
  const ticket = (expiresMs: number): Ticket => ({
    id: 'tkt_1',
    tenant: 'tnt_a',
    pipe: 'pip_1',
    side: 'client',
    holder: 'backstitch://tnt_a/client/dev_1',
    peer: 'backstitch://tnt_a/connector/con_1',
    edge: 'edg_1',
    session: 'ses_1',
    expiresMs,
  })
  const pauses = fc.array(fc.integer({ min: 1, max: 3 * 24 * HOUR_MS }), { minLength: 3, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(pauses, fc.nat(HOUR_MS - 1), async (steps, behindMs) => {
      let nowMs = 1_700_000_000_000
      let ring: KeyRing = rotateKeys([], nowMs)
      const history: { atMs: number; ring: KeyRing }[] = [{ atMs: nowMs, ring }]
      for (const step of steps) {
        nowMs += step
        ring = rotateKeys(ring, nowMs)
        history.push({ atMs: nowMs, ring })
        assert.ok(ring.length <= 3)
        const jws = await signTicket(signerOf(ring, nowMs), ticket(nowMs + 30_000))
        // What the verifier was last told, at most an hour ago.
        const told = history.findLast(({ atMs }) => atMs <= nowMs - behindMs) ?? history[0]!
        const keys = verifyKeys(
          'ticket',
          told.ring.map(({ key }) => key.publicJwk),
        )
        const expect = { tenant: 'tnt_a', edge: 'edg_1', holder: 'backstitch://tnt_a/client/dev_1', nowMs }
        await verifyTicket(keys, jws, expect)
      }
    }),
    { numRuns: 50 },
  )
})
