import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../base/faults.ts'
import { canonicalCidr, canonicalHost, canonicalPattern, inCidrs, isAddress } from './destination.ts'

const SPELLINGS: [text: string, canonical: string][] = [
  ['wiki.example.com', 'wiki.example.com'],
  ['WIKI.Example.COM', 'wiki.example.com'],
  ['wiki.example.com.', 'wiki.example.com'],
  ['_ldap._tcp.corp', '_ldap._tcp.corp'],
  ['localhost', 'localhost'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['BÜCHER.example', 'xn--bcher-kva.example'],
  ['XN--BCHER-KVA.Example', 'xn--bcher-kva.example'],
  ['ｗｉｋｉ.example.com', 'wiki.example.com'],
  ['wiki。example。com', 'wiki.example.com'],
  ['10.1.2.3', '10.1.2.3'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['[::FFFF:0a01:0203]', '10.1.2.3'],
  ['0:0:0:0:0:ffff:a01:203', '10.1.2.3'],
]
for (const [text, canonical] of SPELLINGS) {
  test(`canonicalHost: ${text} is ${canonical}`, () => {
    assert.equal(canonicalHost(text), canonical)
    assert.equal(canonicalHost(canonical), canonical)
  })
}

const REFUSED: [why: string, text: string][] = [
  ['empty', ''],
  ['only a dot', '.'],
  ['two trailing dots', 'example.com..'],
  ['an empty label', 'a..example.com'],
  ['NUL', 'example.com\0.evil.com'],
  ['NUL, escaped', 'example.com%00.evil.com'],
  ['a space', 'example .com'],
  ['a leading space', ' example.com'],
  ['a line end', 'example.com\r\n'],
  ['a control character', 'example\x7f.com'],
  ['a C1 control character', 'example\x85.com'],
  ['a no-break space', 'example\u00a0.com'],
  ['an ideographic space', 'example\u3000.com'],
  ['a soft hyphen', 'exa\u00admple.com'],
  ['a zero-width space', 'exa\u200bmple.com'],
  ['a byte order mark', '\ufeffexample.com'],
  ['a right-to-left override', 'exa\u202emple.com'],
  ['a lone surrogate', 'exa\ud800mple.com'],
  ['a port', 'example.com:443'],
  ['a port after an IPv4 address', '10.0.0.1:80'],
  ['a port after a bracketed address', '[::1]:443'],
  ['a user', 'user@example.com'],
  ['a path', 'example.com/x'],
  ['a percent escape', '%65xample.com'],
  ['a backslash', 'example.com\\x'],
  ['a wildcard', '*.example.com'],
  ['octal IPv4', '010.0.0.1'],
  ['octal IPv4, all parts', '0177.0.0.01'],
  ['hex IPv4', '0x7f.0.0.1'],
  ['hex IPv4 in one part', '0x7f000001'],
  ['short IPv4', '127.1'],
  ['IPv4 as one number', '2130706433'],
  ['five parts', '1.2.3.4.5'],
  ['a part over 255', '1.2.3.256'],
  ['a trailing dot on IPv4', '127.0.0.1.'],
  ['full-width IPv4', '１２７.０.０.１'],
  ['full-width short IPv4', '１２７.１'],
  ['a bare 0x', 'a.0x'],
  ['IPv4 in brackets', '[127.0.0.1]'],
  ['an IPv6 zone', 'fe80::1%eth0'],
  ['an IPv6 zone, escaped', '[fe80::1%25eth0]'],
  ['an unclosed bracket', '[::1'],
  ['a broken A-label', 'xn--999999999.example'],
  ['an A-label of plain letters', 'xn--example-.com'],
  ['an A-label that is not as IDNA writes it', 'xn--Wiki-.example'],
  ['a hyphen first', '-a.example.com'],
  ['a hyphen last', 'a-.example.com'],
  ['a label over 63', `${'a'.repeat(64)}.com`],
  ['a name over 253', `${'a.'.repeat(130)}com`],
  ['a megabyte', 'a'.repeat(1_000_000)],
]
for (const [why, text] of REFUSED) {
  test(`canonicalHost refuses ${why}`, () => {
    assert.throws(
      () => canonicalHost(text),
      (thrown) => thrown instanceof Fault && thrown.code === 'BAD_DESTINATION',
    )
  })
}

test('a number that is no address is called that', () => {
  for (const text of ['1.2.3.256', '0x7f.1', '010.0.0.1', '１２７.１']) {
    assert.throws(() => canonicalHost(text), /ends in a number/, text)
  }
})

test('a refused character is named with its position', () => {
  assert.throws(
    () => canonicalHost('ab:80'),
    (thrown) => thrown instanceof Fault && thrown.seen.character === 'U+003A' && thrown.seen.position === 3,
  )
})

test('property: whatever comes in, the canonical form is plain, stable and lower case, or the host is refused', () => {
  const host = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'aZ09.-_:[]%x＊。ü１\u00ad\0'), maxLength: 24 }),
    fc.domain(),
    fc.ipV4Extended(),
    fc.ipV6(),
    fc.webAuthority(),
  )
  fc.assert(
    fc.property(host, (text) => {
      let canonical: string
      try {
        canonical = canonicalHost(text)
      } catch (thrown) {
        assert.ok(thrown instanceof Fault && thrown.code === 'BAD_DESTINATION', String(thrown))
        return
      }
      assert.match(canonical, /^[a-z0-9._:-]+$/)
      assert.equal(canonicalHost(canonical), canonical)
      assert.equal(canonicalHost(canonical.toUpperCase()), canonical)
      // The URL parser is how most programs read a host: where it takes one, it takes ours for the same.
      const url = isAddress(canonical) && canonical.includes(':') ? `[${canonical}]` : canonical
      assert.equal(new URL(`http://${url}/`).hostname, url)
    }),
    { numRuns: 2000 },
  )
})

test('property: an IPv6 address has one canonical form, whatever its spelling', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean(), (bytes, upper) => {
      const groups = Array.from({ length: 8 }, (_, i) =>
        ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16),
      )
      const long = groups.map((group) => group.padStart(4, '0')).join(':')
      const spelled = upper ? long.toUpperCase() : long
      assert.equal(canonicalHost(spelled), canonicalHost(groups.join(':')))
      assert.equal(canonicalHost(`[${spelled}]`), canonicalHost(groups.join(':')))
    }),
  )
})

const NETWORKS: [address: string, cidr: string, inside: boolean][] = [
  ['10.1.2.3', '10.0.0.0/8', true],
  ['11.1.2.3', '10.0.0.0/8', false],
  ['10.1.2.3', '10.1.2.3', true],
  ['10.1.2.4', '10.1.2.3/32', false],
  ['10.1.2.129', '10.1.2.128/25', true],
  ['10.1.2.127', '10.1.2.128/25', false],
  ['1.2.3.4', '0.0.0.0/0', true],
  ['2001:db8::1', '0.0.0.0/0', false],
  ['2001:db8::1', '2001:db8::/32', true],
  ['2001:db9::1', '2001:db8::/32', false],
  ['2001:db8::1', '::/0', true],
  ['10.1.2.3', '::/0', false],
  ['::ffff:10.1.2.3', '10.0.0.0/8', true],
  ['10.1.2.3', '::ffff:10.0.0.0/104', true],
  ['wiki.example.com', '0.0.0.0/0', false],
]
for (const [address, cidr, inside] of NETWORKS) {
  test(`${address} is ${inside ? '' : 'not '}in ${cidr}`, () =>
    assert.equal(inCidrs(address, [cidr]), inside))
}

for (const cidr of [
  '10.0.0.5/8',
  '10.0.0.0/33',
  '10.0.0.0/08',
  '10.0.0.0/-1',
  '10/8',
  '10.0.0.0/8/8',
  '',
  '::ffff:0.0.0.0/95',
]) {
  test(`the network "${cidr}" is refused, not skipped`, () => {
    assert.throws(
      () => inCidrs('10.0.0.1', ['10.0.0.0/8', cidr]),
      (thrown) => thrown instanceof Fault && thrown.code === 'INVALID',
    )
  })
}

test('networks and patterns are stored in one form', () => {
  assert.equal(canonicalCidr('10.1.2.3'), '10.1.2.3/32')
  assert.equal(canonicalCidr('2001:DB8:0::/32'), '2001:db8::/32')
  assert.equal(canonicalCidr('::ffff:10.0.0.0/104'), '10.0.0.0/8')
  assert.equal(canonicalPattern('*.Example.COM.'), '*.example.com')
  for (const pattern of ['*', '*.', '*.*.example.com', 'a.*.com', '*a.example.com', '*.10.0.0.1', '**.a']) {
    assert.throws(() => canonicalPattern(pattern), { code: 'BAD_DESTINATION' }, pattern)
  }
})
