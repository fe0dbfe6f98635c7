import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../base/clock.ts'
import { ROTATION } from '../../pki/key-ring.ts'
import { verifyKeys } from '../../pki/signing-keys.ts'
import { signTicket, type Ticket, verifyTicket } from '../../pki/ticket.ts'
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

test('a rotation keeps what was signed before it, and is kept itself', async () => {
  const clock = stoppedClock(T0)
  const vault = memoryVault()
  const ring = await Keyring.open('ticket', vault, clock)
  assert.equal(await ring.rotate(), false, 'nothing is due on the first day')
  const signed = await signTicket(ring.signing, ticket(T0 + ROTATION.signForMs))
  clock.ms += ROTATION.signForMs
  assert.equal(await ring.rotate(), true)
  assert.equal(ring.published.length, 2)
  const again = await Keyring.open('ticket', vault, clock)
  assert.deepEqual(again.published, ring.published)
  assert.equal(
    (await verifyTicket(verifyKeys('ticket', again.published), signed, { ...expect, nowMs: clock.ms })).pipe,
    'pip_1',
  )
})

test('a rotation that cannot be kept has not happened, and happens when it can', async () => {
  const clock = stoppedClock(T0)
  const vault = memoryVault()
  let isFull = false
  const write: KeyringVault['write'] = async (name, plain) => {
    if (isFull) throw new Error('database or disk is full')
    await vault.write(name, plain)
  }
  const ring = await Keyring.open('grant', { ...vault, write }, clock)
  const told = ring.published
  clock.ms += ROTATION.signForMs
  isFull = true
  await assert.rejects(ring.rotate(), /full/)
  clock.ms += 3_600_000
  assert.deepEqual([ring.published, ring.signing.kid], [told, told[0]?.kid])
  isFull = false
  assert.equal(await ring.rotate(), true, 'so that it is told')
  assert.deepEqual((await Keyring.open('grant', vault, clock)).published, ring.published)
})
