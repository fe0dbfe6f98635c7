import assert from 'node:assert/strict'
import { test } from 'node:test'
import { originText, placeOf } from './origin.ts'

const PLACES: [origin: string, place: string, network: string][] = [
  ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8::1', '2001:db8:0:0::/64', '2001:db8:0::/48'],
  ['::1', '0:0:0:0::/64', '0:0:0::/48'],
  ['none', 'none', 'none'],
]
for (const [origin, place, network] of PLACES) {
  test(`attempts from ${origin} count for ${place}, of an edge for ${place} of that edge`, () => {
    assert.deepEqual(placeOf(origin), { place, network, via: undefined })
    assert.deepEqual(placeOf(originText(origin, 'edg_1')), {
      place: `${place} via edg_1`,
      network: `${network} via edg_1`,
      via: 'edg_1',
    })
  })
}
