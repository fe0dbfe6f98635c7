import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { Authority, createAuthority } from '../../pki/authority.ts'
import { ROTATION } from '../../pki/key-ring.ts'
import { verifyKeySet } from '../../pki/key-set.ts'
import { KeySets } from './key-sets.ts'
import { Keyring, type KeyringVault } from './keyring.ts'

const T0 = Date.now()
const HOUR_MS = 3_600_000
const authority = await Authority.load('tnt_1', await createAuthority('tnt_1', T0))

function world() {
  let nowMs = T0
  const kept = new Map<string, Buffer>()
  let isFull = false
  const vault: KeyringVault = {
    read: async (name) => kept.get(name),
    async write(name, plain) {
      if (isFull) throw new Error('database or disk is full')
      kept.set(name, plain)
    },
  }
  const clock: Clock = { nowMs: () => nowMs, monotonicUs: () => nowMs * 1000 }
  return {
    kept,
    at(ms: number) {
      nowMs = ms
    },
    full(is: boolean) {
      isFull = is
    },
    open: async () =>
      KeySets.open(await Keyring.open('grant', vault, clock), {
        ...{ tenant: 'tnt_1', authority, vault, clock, log: silentLog },
      }),
    read: ({ current }: KeySets, newestMs = 0) =>
      verifyKeySet(current, {
        ...{ tenant: 'tnt_1', rootPem: authority.rootPem, purpose: 'grant', newestMs, nowMs },
      }),
  }
}

test('each set holds what the ring publishes, and is newer than the one before: at a start, and with each new key', async () => {
  const w = world()
  const first = await w.open()
  const one = await w.read(first)
  assert.deepEqual([...one.keys.byKid.keys()], [first.ring.signing.kid])
  assert.equal(await first.rotate(), false)
  const again = await w.open()
  const two = await w.read(again, one.issuedMs)
  assert.ok(two.issuedMs > one.issuedMs, 'in the same millisecond, too')
  w.at(T0 + ROTATION.signForMs)
  assert.equal(await again.rotate(), true)
  const three = await w.read(again, two.issuedMs)
  assert.equal(three.keys.byKid.size, 2, 'a key is told before it signs')
  assert.ok(three.keys.byKid.has(again.ring.signing.kid))
})

test('no verifier is left with a set that has ended while there is a control plane', async () => {
  const w = world()
  const sets = await w.open()
  let told = await w.read(sets)
  for (let atMs = T0; atMs < T0 + 60 * 24 * HOUR_MS; atMs += 12 * HOUR_MS) {
    w.at(atMs)
    if (await sets.rotate()) told = await w.read(sets, told.issuedMs)
    assert.ok(told.expiresMs > atMs + 6 * 24 * HOUR_MS)
  }
})

test('after a restore from a backup, and after a clock that was set back, sets go on behind the last one', async () => {
  const w = world()
  const backup = new Map([...w.kept])
  const before = await w.read(await w.open())
  w.kept.clear()
  for (const [name, value] of backup) w.kept.set(name, value)
  w.at(T0 + 1)
  const restored = await w.read(await w.open(), before.issuedMs)
  w.at(T0 - 10 * 60_000)
  const back = await w.read(await w.open(), restored.issuedMs)
  assert.ok(back.issuedMs > restored.issuedMs)
})

test('a clock that was days ahead spoils nothing for later', async () => {
  const w = world()
  w.at(T0 + 72 * HOUR_MS)
  await w.open()
  w.at(T0)
  await w.read(await w.open())
})

test('and one that is set right while it runs has the set told anew', async () => {
  const w = world()
  w.at(T0 + 2 * HOUR_MS)
  const sets = await w.open()
  w.at(T0)
  await assert.rejects(w.read(sets), { code: 'CLOCK_SKEW' })
  assert.equal(await sets.rotate(), true)
  await w.read(sets)
  assert.equal(await sets.rotate(), false)
})

test('a full disk keeps no keys from being told', async () => {
  const w = world()
  const sets = await w.open()
  const before = await w.read(sets)
  w.full(true)
  w.at(T0 + 1)
  await w.read(await w.open(), before.issuedMs)
})
