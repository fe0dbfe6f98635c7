import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRelayRest, encodeRelayHeader, RELAY_HEAD_BYTES, relayRestBytes } from './relay.ts'

for (const [address, read] of [
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8::7', '2001:db8::7'],
  ['2001:DB8:0:0:1:0:0:7', '2001:db8::1:0:0:7'],
  ['::1', '::1'],
  ['fe80::1%eth0', 'fe80::1'],
]) {
  test(`the peer ${address} arrives as ${read}`, () => {
    const header = encodeRelayHeader({ address: address!, port: 51_234 })
    const rest = header.subarray(RELAY_HEAD_BYTES)
    assert.equal(relayRestBytes(header.subarray(0, RELAY_HEAD_BYTES)), rest.length)
    assert.deepEqual(decodeRelayRest(rest), { address: read, port: 51_234 })
  })
}

test('a head of another version, or of no family, is not read on', () => {
  for (const head of [
    [0, 4],
    [2, 4],
    [1, 0],
    [1, 5],
    [255, 255],
  ]) {
    assert.equal(relayRestBytes(Buffer.from(head)), undefined)
  }
})

test('an IPv4 address in an IPv6 form is that address: an edge has no second name for it', () => {
  const rest = Buffer.from('00000000000000000000ffff7f000001c823', 'hex')
  assert.deepEqual(decodeRelayRest(rest), { address: '127.0.0.1', port: 51_235 })
})
