import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressBytes, addressText, isLoopback, limitKey, unmapped, v6Bytes } from './ip-address.ts'

for (const [address, key, wide] of [
  ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:DB8:1:2::6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8::6', '2001:db8:0:0::/64', '2001:db8:0::/48'],
  ['::1', '0:0:0:0::/64', '0:0:0::/48'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64', 'fe80:0:0::/48'],
  ['no address', 'no address', 'no address'],
  ['', '', ''],
] as const) {
  test(`limits count "${address}" as "${key}", and as "${wide}"`, () => {
    assert.equal(limitKey(address), key)
    assert.equal(limitKey(address, 48), wide)
  })
}

test('every address of one /64 has one key, and no address of another has it', () => {
  const half = fc.uint8Array({ minLength: 8, maxLength: 8 })
  fc.assert(
    fc.property(half, half, half, (network, other, host) => {
      const at = (one: Uint8Array, two: Uint8Array) => addressText(Buffer.concat([one, two]))
      fc.pre(!network.every((byte) => byte === 0) && !other.every((byte) => byte === 0))
      assert.equal(limitKey(at(network, host)), limitKey(at(network, new Uint8Array(8))))
      const isSame = Buffer.compare(network, other) === 0
      assert.equal(limitKey(at(network, host)) === limitKey(at(other, host)), isSame)
    }),
  )
})

test('an address is its bytes, however it is written', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      assert.deepEqual(unmapped(v6Bytes(text)), addressBytes(text))
      assert.equal(new URL(`http://[${text}]`).hostname, `[${addressText(v6Bytes(text))}]`)
    }),
  )
  fc.assert(fc.property(fc.ipV4(), (text) => assert.equal(addressText(addressBytes(text)!), text)))
})

for (const text of ['', 'app', '10.1', '010.0.0.1', '0x7f.0.0.1', '1:2', 'fe80::1%eth0', '[::1]']) {
  test(`"${text}" is no address`, () => assert.equal(addressBytes(text), undefined))
}

for (const [text, is] of [
  ['127.0.0.1', true],
  ['127.9.8.7', true],
  ['::1', true],
  ['0:0::1', true],
  ['::ffff:127.0.0.1', true],
  ['128.0.0.1', false],
  ['::', false],
  ['::2', false],
  ['2001:db8::1', false],
  ['localhost', false],
  ['127.example.com', false],
] as const) {
  test(`"${text}" is ${is ? 'loopback' : 'no loopback address'}`, () => assert.equal(isLoopback(text), is))
}
