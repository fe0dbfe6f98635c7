import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import {
  exportSigningKey,
  importSigningKey,
  newSigningKey,
  type PublicJwk,
  verifyKeys,
} from './signing-keys.ts'

const key = newSigningKey(1_700_000_000_000)

test('a key reads back as it was exported', () => {
  const again = importSigningKey(key.kid, exportSigningKey(key))
  assert.deepEqual(again.publicJwk, key.publicJwk)
  assert.equal(again.privateKey.equals(key.privateKey), true)
})

test('the public form holds no private part', () => {
  assert.deepEqual(Object.keys(key.publicJwk).sort(), ['crv', 'kid', 'kty', 'x'])
})

test('ids sort by the time keys were made, and no two keys are alike', () => {
  const later = newSigningKey(1_700_000_000_001)
  assert.ok(key.kid < later.kid)
  assert.notEqual(key.publicJwk.x, later.publicJwk.x)
})

test('other key types are refused', () => {
  const pem = (type: 'ec' | 'x25519' | 'ed448') =>
    (type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
      : generateKeyPairSync(type as 'x25519')
    ).privateKey
      .export({ type: 'pkcs8', format: 'pem' })
      .toString()
  for (const wrong of [pem('ec'), pem('x25519'), pem('ed448'), 'no key', '']) {
    assert.throws(() => importSigningKey('key_1', wrong), { code: 'INVALID' })
  }
})

test('a set of public keys is refused whole if one of them is wrong', () => {
  const wrong = [
    { ...key.publicJwk, crv: 'Ed448' },
    { ...key.publicJwk, kty: 'EC' },
    { ...key.publicJwk, x: 'AAAA' },
    { ...key.publicJwk, x: '' },
    key.publicJwk,
  ] as PublicJwk[]
  for (const jwk of wrong) {
    assert.throws(
      () => verifyKeys('grant', [key.publicJwk, { ...jwk, kid: jwk === key.publicJwk ? key.kid : 'key_2' }]),
      {
        code: 'INVALID',
      },
    )
  }
})
