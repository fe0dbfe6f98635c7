import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { Vault } from './vault.ts'

const master = randomBytes(32)
const vault = new Vault(master)

test('property: what is sealed opens again, for the same purpose only', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.string(), (bytes, purpose, other) => {
      const plain = Buffer.from(bytes)
      const sealed = vault.seal(purpose, plain)
      assert.deepEqual(new Vault(master).open(purpose, sealed), plain)
      fc.pre(purpose !== other)
      assert.throws(() => vault.open(other, sealed), { code: 'MASTER_KEY' })
    }),
  )
})

test('the same secret never seals to the same text', () => {
  const sealed = Array.from({ length: 50 }, () => vault.seal('a', 'secret'))
  assert.equal(new Set(sealed).size, 50)
  assert.equal(new Set(sealed.map((text) => text.slice(3, 19))).size, 50, 'nonces differ')
})

test('another master key opens nothing', () => {
  assert.throws(() => new Vault(randomBytes(32)).open('a', vault.seal('a', 'secret')), { code: 'MASTER_KEY' })
})

test('any flipped bit is refused', () => {
  const sealed = Buffer.from(vault.seal('a', 'secret').slice(3), 'base64url')
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = Buffer.from(sealed)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    assert.throws(() => vault.open('a', `v1.${flipped.toString('base64url')}`), { code: 'MASTER_KEY' })
  }
})

test('text of another form is refused', () => {
  const sealed = vault.seal('a', 'secret')
  for (const text of [
    '',
    'v1.',
    'v2.AAAA',
    sealed.slice(3),
    sealed.slice(0, -4),
    'v1.AAAA',
    `v1.${'A'.repeat(36)}`,
  ]) {
    assert.throws(() => vault.open('a', text), { code: 'MASTER_KEY' }, text)
  }
})

test('a master key of another length is refused', () => {
  for (const length of [0, 16, 31, 33]) {
    assert.throws(() => new Vault(Buffer.alloc(length)), { code: 'MASTER_KEY' })
  }
})
