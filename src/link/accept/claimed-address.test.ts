import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressToClaim, isClaimable } from './claimed-address.ts'

for (const address of [
  '127.0.0.1',
  '::1',
  '::ffff:127.0.0.1',
  '0.0.0.0',
  '::',
  '169.254.3.4',
  'fe80::1%eth0',
  'ff02::1',
]) {
  test(`an edge says its own address of a peer at ${address}`, () => {
    assert.equal(isClaimable(address), false)
    assert.equal(addressToClaim(address, '198.51.100.7'), '198.51.100.7')
  })
}

for (const address of ['203.0.113.5', '10.1.2.3', '100.64.0.9', 'fd00::7', '2001:db8::1']) {
  test(`an edge says of a peer at ${address} what it sees`, () => {
    assert.equal(addressToClaim(address, '198.51.100.7'), address)
  })
}
