import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admission, addressKey } from './admission.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { UsedTickets } from './used-tickets.ts'

test('an address is refused at its cap on unfinished handshakes, and another is not', () => {
  const admission = new Admission({ ...DEFAULT_LIMITS, handshakesPerAddress: 2, connectionsPerAddress: 3 })
  const first = admission.enter('192.0.2.1')
  admission.enter('192.0.2.1')
  assert.equal(admission.enter('192.0.2.1'), undefined)
  assert.ok(admission.enter('192.0.2.2'))
  first?.settled()
  const third = admission.enter('192.0.2.1')
  assert.ok(third, 'a finished handshake makes room')
  third.settled()
  assert.equal(admission.enter('192.0.2.1'), undefined, 'three connections are the cap')
  third.left()
  assert.ok(admission.enter('192.0.2.1'))
})

test('counts return to nothing when everybody has left, whichever way they went', () => {
  const admission = new Admission(DEFAULT_LIMITS)
  const visits = ['192.0.2.1', '192.0.2.1', '2001:db8::1'].map((address) => admission.enter(address)!)
  assert.deepEqual([admission.connections, admission.handshakes], [3, 3])
  visits[0]!.settled()
  visits[0]!.settled()
  for (const visit of visits) visit.left()
  assert.deepEqual([admission.connections, admission.handshakes], [0, 0])
})

test('the edge as a whole has a cap', () => {
  const admission = new Admission({ ...DEFAULT_LIMITS, connections: 2 })
  assert.ok(admission.enter('192.0.2.1'))
  assert.ok(admission.enter('192.0.2.2'))
  assert.equal(admission.enter('192.0.2.3'), undefined)
})

for (const [address, key] of [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
]) {
  test(`addressKey of ${address} is ${key}`, () => assert.equal(addressKey(address!), key))
}

test('a ticket is used once, and forgotten when it has expired', () => {
  const used = new UsedTickets(Number.NEGATIVE_INFINITY)
  assert.equal(used.use('a', 1000, 0), true)
  assert.equal(used.use('a', 1000, 500), false)
  for (let i = 0; i < 1000; i++) used.use(`t${i}`, 1000 + i, i)
  assert.equal(used.use('late', 9000, 5000), true)
  assert.equal(used.size, 1)
})
