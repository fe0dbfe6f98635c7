import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../base/faults.ts'
import {
  formatProvisioningKey,
  hashKeySecret,
  type ProvisioningKey,
  parseProvisioningKey,
} from './provisioning-key.ts'

const plain: ProvisioningKey = {
  edgeHost: 'edge.example.com',
  edgePort: 443,
  secret: Buffer.alloc(32, 7).toString('base64url'),
  pin: Buffer.alloc(32, 9),
}
const text = formatProvisioningKey(plain)
const payload = text.split('|')[2]!

test('a key is short, readable where it says where to go, and reads back', () => {
  assert.match(text, /^1\|edge\.example\.com\|[A-Za-z0-9_-]{91}$/)
  assert.deepEqual(parseProvisioningKey(text), plain)
})

const host = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom('localhost', 'edge', 'EDGE.example', 'a_b'),
)
const anyKey = fc.record(
  {
    edgeHost: host.filter((name) => name.length <= 253),
    edgePort: fc.integer({ min: 1, max: 65_535 }),
    secret: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString('base64url')),
    pin: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b)),
  },
  { noNullPrototype: true },
)

test('property: every key reads back, with or without a line end', () => {
  fc.assert(
    fc.property(anyKey, fc.constantFrom('', '\n', '\r\n'), (key, end) => {
      assert.deepEqual(parseProvisioningKey(formatProvisioningKey(key) + end), key)
    }),
  )
})

test('property: a key with one character changed, lost, doubled or swapped is refused', () => {
  const change = fc.tuple(fc.nat(), fc.string({ unit: 'binary', minLength: 0, maxLength: 2 }))
  fc.assert(
    fc.property(anyKey, change, (key, [where, by]) => {
      const whole = formatProvisioningKey(key)
      const at = where % whole.length
      const damaged = whole.slice(0, at) + by + whole.slice(at + 1)
      fc.pre(damaged.replace(/\r?\n$/, '') !== whole)
      assert.throws(
        () => parseProvisioningKey(damaged),
        (thrown) => thrown instanceof Fault && thrown.code === 'KEY_MALFORMED' && !leaks(thrown, key),
      )
    }),
    { numRuns: 1000 },
  )
})

test('property: any text is a key or a named fault, in linear time', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'1|[]:.a-\n\r\ufeff') })),
      (any) => {
        try {
          parseProvisioningKey(any)
        } catch (thrown) {
          assert.ok(thrown instanceof Fault && ['KEY_MALFORMED', 'KEY_MISSING'].includes(thrown.code))
        }
      },
    ),
  )
})

function leaks(fault: Fault, key: ProvisioningKey): boolean {
  const said = `${fault.message} ${JSON.stringify(fault.seen)}`
  return said.includes(key.secret.slice(0, 12))
}

const at = (position: number, by: string) => text.slice(0, position - 1) + by + text.slice(position - 1)
const MALFORMED: [name: string, text: string, seen: Record<string, unknown>][] = [
  ['a byte order mark', `\ufeff${text}`, { problem: 'foreign character', character: 'U+FEFF', position: 1 }],
  [
    'smart quotes around it',
    `\u201c${text}\u201d`,
    { problem: 'foreign character', character: 'U+201C', position: 1 },
  ],
  [
    'a smart quote after it',
    `${text}\u2019`,
    { problem: 'foreign character', character: 'U+2019', position: text.length + 1 },
  ],
  ['plain quotes', `"${text}"`, { problem: 'foreign character', character: 'U+0022', position: 1 }],
  ['a space before', ` ${text}`, { problem: 'foreign character', character: 'U+0020', position: 1 }],
  [
    'a space after',
    `${text} `,
    { problem: 'foreign character', character: 'U+0020', position: text.length + 1 },
  ],
  ['a space inside', at(30, ' '), { problem: 'foreign character', character: 'U+0020', position: 30 }],
  ['a line end inside', at(40, '\n'), { problem: 'foreign character', character: 'U+000A', position: 40 }],
  ['a CRLF inside', at(40, '\r\n'), { problem: 'foreign character', character: 'U+000D', position: 40 }],
  [
    'two line ends after',
    `${text}\n\n`,
    { problem: 'foreign character', character: 'U+000A', position: text.length + 1 },
  ],
  [
    'a lone CR after',
    `${text}\r`,
    { problem: 'foreign character', character: 'U+000D', position: text.length + 1 },
  ],
  ['a tab', `${text}\t`, { problem: 'foreign character', character: 'U+0009', position: text.length + 1 }],
  ['a NUL', at(25, '\0'), { problem: 'foreign character', character: 'U+0000', position: 25 }],
  [
    'an emoji, counted as one character',
    `${at(3, '🔑')}`,
    { problem: 'foreign character', character: 'U+1F511', position: 3 },
  ],
  [
    'a dash made typographic',
    text.replace('edge.', 'ed\u2013ge.'),
    { problem: 'foreign character', character: 'U+2013', position: 5 },
  ],
  [
    'a full-width bar',
    text.replace('|', '｜'),
    { problem: 'foreign character', character: 'U+FF5C', position: 2 },
  ],
  ['a bar in the payload', at(30, '|'), { problem: 'too many parts', position: 30 }],
  ['a dot in the payload', at(30, '.'), { problem: 'foreign character', character: 'U+002E', position: 30 }],
  ['padding', `${text}=`, { problem: 'foreign character', character: 'U+003D', position: text.length + 1 }],
  ['version 2', text.replace('1|', '2|'), { problem: 'wrong version', position: 1 }],
  ['no version', text.slice(2), { problem: 'wrong version', position: 1 }],
  ['only the version', '1', { problem: 'missing part', position: 2 }],
  ['no payload', '1|edge.example.com', { problem: 'missing part', position: 19 }],
  ['an empty payload', '1|edge.example.com|', { problem: 'truncated payload', position: 20 }],
  ['a truncated payload', text.slice(0, -5), { problem: 'truncated payload', position: text.length - 4 }],
  ['a payload pasted twice', text + payload, { problem: 'payload too long', position: text.length + 1 }],
  ['an empty host', text.replace('edge.example.com', ''), { problem: 'bad host', position: 3 }],
  ['a host with an empty label', text.replace('edge.', 'edge..'), { problem: 'bad host', position: 3 }],
  ['a short IPv4', text.replace('edge.example.com', '10.1'), { problem: 'bad host', position: 3 }],
  ['a hex IPv4', text.replace('edge.example.com', '0x7f.0.0.1'), { problem: 'bad host', position: 3 }],
  [
    'an IPv6 without brackets',
    text.replace('edge.example.com', '2001:db8::1'),
    { problem: 'bad host', position: 3 },
  ],
  [
    'an IPv4 in brackets',
    text.replace('edge.example.com', '[10.0.0.1]'),
    { problem: 'bad host', position: 3 },
  ],
  ['an empty port', text.replace('.com', '.com:'), { problem: 'bad port', position: 20 }],
  ['port 0', text.replace('.com', '.com:0'), { problem: 'bad port', position: 20 }],
  ['port 65536', text.replace('.com', '.com:65536'), { problem: 'bad port', position: 20 }],
  ['a port with a zero first', text.replace('.com', '.com:0443'), { problem: 'bad port', position: 20 }],
  ['a port in letters', text.replace('.com', '.com:https'), { problem: 'bad port', position: 20 }],
  ['another host', text.replace('edge.', 'edgy.'), { problem: 'bad checksum' }],
  ['another case of the host', text.replace('edge.', 'Edge.'), { problem: 'bad checksum' }],
  ['a port more', text.replace('.com', '.com:8443'), { problem: 'bad checksum' }],
  [
    'one letter of the payload',
    text.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')),
    { problem: 'bad checksum' },
  ],
  ['a private key by mistake', `-----BEGIN PRIVATE KEY-----\n${'A'.repeat(3000)}`, { problem: 'too long' }],
]
for (const [name, damaged, seen] of MALFORMED) {
  test(`a malformed key is named: ${name}`, () => {
    assert.throws(
      () => parseProvisioningKey(damaged),
      (thrown) => {
        assert.ok(thrown instanceof Fault)
        assert.equal(thrown.code, 'KEY_MALFORMED')
        assert.deepEqual(thrown.seen, seen)
        assert.ok(!leaks(thrown, plain))
        return true
      },
    )
  })
}

for (const nothing of ['', '\n', '\r\n']) {
  test(`${JSON.stringify(nothing)} is no key, rather than a malformed one`, () => {
    assert.throws(() => parseProvisioningKey(nothing), { code: 'KEY_MISSING' })
  })
}

test('a key that would not read back is not written', () => {
  for (const wrong of [
    { edgeHost: 'a b' },
    { edgeHost: '' },
    { edgePort: 0 },
    { secret: 'AA' },
    { pin: Buffer.alloc(31) },
  ]) {
    assert.throws(() => formatProvisioningKey({ ...plain, ...wrong }), RangeError, JSON.stringify(wrong))
  }
})

test('the store keeps a hash', () => {
  const secret = randomBytes(32).toString('base64url')
  assert.equal(hashKeySecret(secret), createHash('sha256').update(secret).digest('hex'))
})
