import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressText } from '../base/ip-address.ts'
import { carriedV4, isForbiddenAddress, isNamed, isSpecialNetwork, whatIsSpecial } from './special-address.ts'
import { SPECIAL_RANGES } from './special-ranges.ts'

const FORBIDDEN = [
  ...['127.0.0.1', '127.255.255.254', '0.0.0.0', '169.254.169.254', '224.0.0.1', '255.255.255.255'],
  ...['::', '::1', '::7f00:1', 'fe80::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:a9fe:a9fe'],
  ...['64:ff9b::7f00:1', '64:ff9b::169.254.169.254', '2002:7f00:1::', 'fd00:ec2::254', 'fe80::1%eth0', ''],
  ...['64:ff9b:1::7f00:1', '64:ff9b:1::a00:1', '64:ff9b:1:a00:0:100::'],
  // Metadata of clouds, and the same in other forms.
  ...['fd20:ce::254', 'fd00:c1::a9fe:a9fe', 'fd00:42::42', '100.100.100.200', '168.63.129.16', '192.0.0.192'],
  ...['::ffff:0:169.254.169.254', '::ffff:0:10.0.0.1', '64:ff9b:1::a9fe:a9fe', '2001:0:1::5601:5601'],
  ...['2001:db8::5efe:169.254.169.254', 'fe80::a9fe:a9fe', '2001:db8::200:5efe:127.0.0.1'],
  // Somebody's own network, and translators: a name leads there only where the segment says so.
  ...['fd00::1', 'fc01:2::3', '64:ff9b::a00:1', '2002:a00:1::1', '2001::1', '100::1', '5f00::1', 'fec0::1'],
]
for (const address of FORBIDDEN) {
  test(`${address || 'nothing'} is forbidden`, () => assert.equal(isForbiddenAddress(address), true))
}
for (const address of [
  '10.0.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '1.1.1.1',
  '2001:db8::1',
  '2001:db8::5efe:10.0.0.1',
  '2600:1f18::5',
  '172.16.0.9',
  '198.18.0.1',
]) {
  test(`${address} is not forbidden`, () => assert.equal(isForbiddenAddress(address), false))
}

test('a network names a special range only if all of it lies there', () => {
  for (const cidr of [
    '127.0.0.0/8',
    '169.254.169.254',
    '64:ff9b::169.254.0.0/112',
    '64:ff9b:1::/96',
    'fe80::/64',
  ]) {
    assert.equal(isSpecialNetwork(cidr), true, cidr)
  }
  for (const cidr of ['0.0.0.0/0', '::/0', '::/8', '64:ff9b::/32', '2000::/3', '10.0.0.0/8', 'fc00::/6']) {
    assert.equal(isSpecialNetwork(cidr), false, cidr)
  }
})

test('a translator of the site that a segment names leads to no special IPv4 address', () => {
  const segment = ['64:ff9b:1::/96']
  assert.equal(isNamed('64:ff9b:1::a00:1', segment), true)
  assert.equal(isNamed('64:ff9b:1::a9fe:a9fe', segment), false)
  assert.equal(isNamed('64:ff9b:1::a9fe:a9fe', [...segment, '64:ff9b:1::a9fe:a9fe']), true)
  assert.equal(isNamed('64:ff9b::a9fe:a9fe', ['64:ff9b::/96']), false)
  assert.equal(isNamed('10.0.0.1', []), true, 'nothing special')
})

test('whoever names a network does not name the metadata service in it', () => {
  assert.equal(isNamed('fd12:3456::7', ['fd12:3456::/48']), true)
  assert.equal(isNamed('fd12:3456::7', ['fc00::/7']), true)
  assert.equal(isNamed('fd12:3456::7', ['fd99::/16', '::/0']), false)
  assert.equal(isNamed('fd20:ce::254', ['fd00::/8', 'fd20:ce::/32']), false)
  assert.equal(isNamed('fd20:ce::254', ['fd20:ce::254/128']), true)
  assert.equal(isNamed('169.254.169.254', ['169.254.0.0/16']), false)
  assert.equal(isNamed('169.254.169.254', ['169.254.169.254/32']), true)
  assert.equal(isNamed('169.254.7.7', ['169.254.0.0/16']), true)
  assert.match(whatIsSpecial('fd20:ce::254')!, /metadata of Google Cloud/)
  assert.match(whatIsSpecial('fd20:ce::255')!, /unique local, RFC 4193/)
  assert.match(whatIsSpecial('64:ff9b::a9fe:a9fe')!, /metadata/)
})

/** IPv6 forms of an IPv4 address, that something on the way takes for it. */
const FORMS: readonly ((v4: readonly number[]) => string)[] = [
  (v4) => `::ffff:${v4.join('.')}`,
  (v4) => `::ffff:0:${v4.join('.')}`,
  (v4) => `::${v4.join('.')}`,
  (v4) => `64:ff9b::${v4.join('.')}`,
  (v4) => `64:ff9b:1::${v4.join('.')}`,
  (v4) => `64:ff9b:1:7::${v4.join('.')}`,
  (v4) => `2001:db8:1:2:0:5efe:${v4.join('.')}`,
  (v4) => `2600::200:5efe:${v4.join('.')}`,
  (v4) => addressText(Uint8Array.from([0x20, 0x02, ...v4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
  (v4) =>
    addressText(Uint8Array.from([0x20, 1, 0, 0, 1, 2, 3, 4, 0, 0, 5, 6, ...v4.map((byte) => byte ^ 255)])),
]
const byte = fc.integer({ min: 0, max: 255 })

test('no form of a special IPv4 address is dialled, whatever its form is named as', () => {
  const v4 = fc.oneof(
    fc.constantFrom([169, 254, 169, 254], [100, 100, 100, 200], [168, 63, 129, 16]),
    fc.tuple(fc.constant(127), byte, byte, byte),
    fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
  )
  const wide = [
    '::/0',
    '0.0.0.0/0',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '2002::/16',
    '2001::/32',
    '::ffff:0:0:0/96',
    'fc00::/7',
  ]
  fc.assert(
    fc.property(v4, fc.constantFrom(...FORMS), fc.subarray(wide), (address, form, named) => {
      const text = form(address)
      assert.equal(isForbiddenAddress(text), true, text)
      assert.equal(isNamed(text, named), false, text)
    }),
  )
})

test('an address is dialled unnamed exactly if no range of the list has it, in any spelling', () => {
  const group = fc.integer({ min: 0, max: 0xffff })
  const any = fc.oneof(
    fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.')),
    fc
      .array(group, { minLength: 8, maxLength: 8 })
      .map((all) => all.map((one) => one.toString(16)).join(':')),
  )
  const spell = (text: string) => (text.includes(':') ? text.toUpperCase() : `::ffff:${text}`)
  fc.assert(
    fc.property(any, (address) => {
      const reason = whatIsSpecial(address)
      assert.equal(isForbiddenAddress(address), reason !== undefined)
      assert.equal(isNamed(address, []), reason === undefined)
      assert.equal(whatIsSpecial(spell(address)), reason, 'another spelling of the same')
    }),
  )
})

test('every range of the list says what it is, and who says so', () => {
  for (const { network, is } of SPECIAL_RANGES) {
    assert.equal(isSpecialNetwork(network), true, network)
    assert.match(is, /RFC \d+|AWS|Azure|Google|Oracle|Alibaba|Tencent|Scaleway|OpenStack/, network)
  }
})

test('what a translator would make of an address', () => {
  assert.equal(carriedV4('64:ff9b::10.1.2.3'), '10.1.2.3')
  assert.equal(carriedV4('64:ff9b:1::10.1.2.3'), '10.1.2.3')
  assert.equal(carriedV4('2002:a01:203::1'), '10.1.2.3')
  assert.equal(carriedV4('::ffff:0:10.1.2.3'), '10.1.2.3')
  assert.equal(carriedV4('2001:0:1:2:0:0:f5fe:fdfc'), '10.1.2.3')
  assert.equal(carriedV4('2001:db8::5efe:10.1.2.3'), '10.1.2.3')
  assert.equal(carriedV4('2001:db8::1'), undefined)
})
