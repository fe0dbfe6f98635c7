import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { packNetworks, unpackNetworks } from './packed-networks.ts'

test('networks come back as they were written', () => {
  const canonical = (address: string) => new URL(`http://[${address}]`).hostname.slice(1, -1)
  const network = fc.oneof(
    fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, prefix]) => `${address}/${prefix}`),
    fc.tuple(fc.ipV6(), fc.nat(128)).map(([address, prefix]) => `${canonical(address)}/${prefix}`),
  )
  fc.assert(
    fc.property(fc.array(network, { maxLength: 40 }), (networks) => {
      assert.deepEqual(unpackNetworks(packNetworks(networks)), networks)
    }),
  )
})

test('what is no network is not packed, and what is cut off is not read', () => {
  for (const text of ['app.example', '10.0.0.0', '', 'fd00::']) {
    assert.throws(() => packNetworks([text]), { code: 'INVALID' })
  }
  const whole = packNetworks(['fd00:1::/32'])
  for (let length = 2; length < whole.length - 1; length += 4) {
    assert.throws(() => unpackNetworks(whole.slice(0, length)), { code: 'INVALID' })
  }
})
