import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../base/clock.ts'
import { signTicket, type Ticket, verifyTicket } from '../pki/ticket.ts'
import { Keyring, type KeyringVault } from './keyring.ts'

function memoryVault(): KeyringVault {
  const kept = new Map<string, Buffer>()
  return {
    read: async (name) => kept.get(name),
    write: async (name, plain) => void kept.set(name, plain),
  }
}

function stoppedClock(startMs: number): Clock & { ms: number } {
  return {
    ms: startMs,
    nowMs() {
      return this.ms
    },
    monotonicUs() {
      return this.ms * 1000
    },
  }
}

const T0 = 1_800_000_000_000
const expect = { tenant: 'tnt_1', edge: 'edg_1', holder: 'backstitch://tnt_1/client/dev_1' }
const ticket = (nowMs: number): Ticket => ({
  id: 'tkt_1',
  tenant: expect.tenant,
  pipe: 'pip_1',
  side: 'client',
  holder: expect.holder,
  peer: 'backstitch://tnt_1/connector/con_1',
  edge: expect.edge,
  session: 'ses_1',
  expiresMs: nowMs + 30_000,
})

test('a keyring opened again signs with the same key', async () => {
  const vault = memoryVault()
  const clock = stoppedClock(T0)
  const first = await Keyring.open('ticket', vault, clock)
  const again = await Keyring.open('ticket', vault, clock)
  assert.equal(again.signing.kid, first.signing.kid)
  assert.deepEqual(again.published, first.published)
})

test('a rotated key is published before it signs, and what the old one signed still verifies', async () => {
  const clock = stoppedClock(T0)
  const ring = await Keyring.open('ticket', memoryVault(), clock)
  const old = ring.signing.kid
  const signedBefore = await signTicket(ring.signing, ticket(clock.ms))
  await ring.rotate()
  assert.equal(ring.published.length, 2)
  assert.equal(ring.signing.kid, old, 'nobody may have the new key yet')
  clock.ms += 61_000
  assert.notEqual(ring.signing.kid, old)
  const signedAfter = await signTicket(ring.signing, ticket(clock.ms))
  for (const [jws, nowMs] of [
    [signedBefore, T0],
    [signedAfter, clock.ms],
  ] as const) {
    assert.equal((await verifyTicket(ring.verifying, jws, { ...expect, nowMs })).pipe, 'pip_1')
  }
})

test('a key out of its overlap is dropped and verifies no more', async () => {
  const clock = stoppedClock(T0)
  const ring = await Keyring.open('ticket', memoryVault(), clock)
  const signed = await signTicket(ring.signing, ticket(T0 + 86_400_000))
  await ring.rotate()
  clock.ms += 2 * 3_600_000
  await ring.rotate()
  assert.equal(ring.published.length, 2)
  await assert.rejects(verifyTicket(ring.verifying, signed, { ...expect, nowMs: clock.ms }), {
    code: 'TICKET_INVALID',
  })
})

test('rotation is due after thirty days of signing', async () => {
  const clock = stoppedClock(T0)
  const ring = await Keyring.open('grant', memoryVault(), clock)
  assert.equal(ring.isDue, false)
  clock.ms += 31 * 86_400_000
  assert.equal(ring.isDue, true)
  await ring.rotate()
  assert.equal(ring.isDue, false)
})
