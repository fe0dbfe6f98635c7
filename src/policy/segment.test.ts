import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../base/faults.ts'
import { atOnce } from '../base/slices.ts'
import { hostMatches, type PolicyDestination, type PolicySegment, portIn } from './segment.ts'
import { SegmentIndex } from './segment-index.ts'

function segment(id: string, o: Partial<PolicySegment>): PolicySegment {
  return {
    id,
    name: id,
    hosts: [],
    cidrs: [],
    tcp: [[443, 443]],
    udp: [],
    health: 'none',
    serverGroups: [],
    enabled: true,
    addressCidrs: [],
    ...o,
  }
}
const findSegment = (segments: readonly PolicySegment[], to: PolicyDestination) =>
  atOnce(SegmentIndex.of(segments)).find(to)
const tcp = (host: string, port = 443) => ({ host, port, protocol: 'tcp' as const })
const answer = (segments: PolicySegment[], host: string, port = 443) => {
  const match = findSegment(segments, tcp(host, port))
  return match.is === 'not-covered' ? 'not-covered' : `${match.is} ${match.segment.id}`
}

const exact = segment('exact', { hosts: ['db.eu.example.com'], tcp: [[5432, 5432]] })
const near = segment('near', { hosts: ['*.eu.example.com'], tcp: [[443, 443]] })
const wide = segment('wide', { hosts: ['*.example.com'], tcp: [[1, 65_535]] })
const net8 = segment('net8', { cidrs: ['10.0.0.0/8'], tcp: [[1, 65_535]] })
const net24 = segment('net24', { cidrs: ['10.1.2.0/24'], tcp: [[22, 22]] })
const one = segment('one', { hosts: ['10.1.2.3'], tcp: [[80, 80]] })
const all = [wide, net8, exact, one, near, net24]

const MATCHES: [host: string, port: number, want: string][] = [
  ['db.eu.example.com', 5432, 'found exact'],
  ['db.eu.example.com', 443, 'wrong-port exact'], // near and wide list 443: no fallback
  ['web.eu.example.com', 443, 'found near'],
  ['web.eu.example.com', 8443, 'wrong-port near'],
  ['web.us.example.com', 8443, 'found wide'],
  ['example.com', 443, 'not-covered'],
  ['10.9.9.9', 9, 'found net8'],
  ['10.1.2.9', 22, 'found net24'],
  ['10.1.2.9', 80, 'wrong-port net24'],
  ['10.1.2.3', 80, 'found one'],
  ['10.1.2.3', 22, 'wrong-port one'],
  ['::ffff:10.1.2.3', 80, 'found one'],
  ['11.1.2.3', 80, 'not-covered'],
  ['DB.eu.Example.COM.', 5432, 'found exact'],
]
for (const [host, port, want] of MATCHES) {
  test(`${host}:${port} is ${want}`, () => {
    assert.equal(answer(all, host, port), want)
    assert.equal(answer(all.toReversed(), host, port), want, 'the order of segments decides nothing')
  })
}

test('segments that name a host exactly alike share it by port', () => {
  const ssh = segment('ssh', { hosts: ['a.example.com'], tcp: [[22, 22]] })
  const web = segment('web', { hosts: ['a.example.com'], tcp: [[443, 443]] })
  assert.equal(answer([web, ssh, wide], 'a.example.com', 22), 'found ssh')
  assert.equal(answer([web, ssh, wide], 'a.example.com', 443), 'found web')
  assert.equal(answer([web, ssh, wide], 'a.example.com', 80), 'wrong-port ssh')
})

test('TCP and UDP ports are apart', () => {
  const dns = segment('dns', { hosts: ['ns.example.com'], tcp: [], udp: [[53, 53]] })
  assert.equal(findSegment([dns], { host: 'ns.example.com', port: 53, protocol: 'udp' }).is, 'found')
  assert.equal(findSegment([dns], { host: 'ns.example.com', port: 53, protocol: 'tcp' }).is, 'wrong-port')
})

test('a disabled segment is as if it were not there', () => {
  assert.equal(answer([{ ...exact, enabled: false }, wide], 'db.eu.example.com', 443), 'found wide')
})

test('ports include both ends', () => {
  assert.deepEqual(
    [79, 80, 90, 91].map((port) => portIn([[80, 90]], port)),
    [false, true, true, false],
  )
  for (const port of [0, 65_536, 1.5, Number.NaN, -1]) {
    assert.throws(() => findSegment(all, tcp('a.example.com', port)), { code: 'BAD_DESTINATION' })
  }
})

const CONFUSIONS: [host: string, matches: boolean][] = [
  ['a.example.com', true],
  ['a.b.example.com', true],
  ['example.com', false],
  ['evil-example.com', false],
  ['evilexample.com', false],
  ['example.com.evil.com', false],
  ['a.example.com.evil.com', false],
  ['.example.com', false],
  ['*.example.com', false],
  ['A.example.com', false], // not canonical: nothing that is not has been checked
  ['a.example.com.', false],
  ['a.example.com:80', false],
  ['evil.com\0.example.com', false],
  ['evil.com/.example.com', false],
  ['evil.com#.example.com', false],
  ['evil.com@a.example.com', false],
  ['evil com.example.com', false],
  ['a..example.com', false],
  ['-a.example.com', false],
  ['аpple.example.com', false], // Cyrillic а, not written as IDNA writes it
]
for (const [host, matches] of CONFUSIONS) {
  test(`*.example.com ${matches ? 'matches' : 'does not match'} ${JSON.stringify(host)}`, () => {
    assert.equal(hostMatches('*.example.com', host), matches)
  })
}

test('patterns match hosts in their canonical form, however they were written', () => {
  assert.equal(hostMatches('*.Example.com.', 'a.example.com'), true)
  assert.equal(hostMatches('*.bücher.example', 'a.xn--bcher-kva.example'), true)
  assert.equal(hostMatches('2001:DB8::1', '2001:db8::1'), true)
  assert.equal(hostMatches('*.com', '2001:db8::1'), false)
})

/** Every way to write `host` that some program somewhere reads as the same host. */
function spellings(host: string): fc.Arbitrary<string> {
  const letter = (c: string) =>
    fc.constantFrom(
      c,
      c.toUpperCase(),
      /[a-z0-9-]/.test(c) ? String.fromCodePoint(c.codePointAt(0)! + 0xfee0) : '。',
    )
  return fc
    .tuple(...[...host].map(letter), fc.constantFrom('', '.', '。', '．'))
    .map((parts) => parts.join(''))
}

test('property: no spelling of a name reaches a wider segment than the one that owns it', () => {
  // The exact segment allows nothing here: only a spelling that misses it could be found in the wide one.
  const locked = segment('locked', { hosts: ['payroll.example.com'], tcp: [] })
  fc.assert(
    fc.property(spellings('payroll.example.com'), (host) => {
      assert.equal(answer([wide, locked], host), 'wrong-port locked')
    }),
    { numRuns: 1000 },
  )
})

const address = (bytes: number[]): fc.Arbitrary<string> => {
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  const hex = value.toString(16).padStart(8, '0')
  const part = (n: number) => fc.constantFrom(`${n}`, `0${n.toString(8)}`, `0x${n.toString(16)}`, `00${n}`)
  const low = value & 0xffff
  return fc.oneof(
    fc.tuple(...bytes.map(part)).map((parts) => parts.join('.')),
    part(value),
    part(low).map((last) => `${bytes[0]}.${bytes[1]}.${last}`),
    fc.constantFrom(
      `::ffff:${bytes.join('.')}`,
      `[::FFFF:${hex.slice(0, 4)}:${hex.slice(4)}]`,
      `0:0:0:0:0:ffff:${hex.slice(0, 4)}:${hex.slice(4)}`,
      `${bytes.join('.')}.`,
      `${bytes.join('。')}`,
      [...bytes.join('.')]
        .map((c) => (c === '.' ? c : String.fromCodePoint(c.codePointAt(0)! + 0xfee0)))
        .join(''),
    ),
  )
}

test('property: no spelling of an address reaches a wider segment than the one that owns it', () => {
  const locked = segment('locked', { hosts: ['10.1.2.3'], tcp: [] })
  const everything = segment('everything', {
    cidrs: ['0.0.0.0/0', '::/0'],
    hosts: ['*.com'],
    tcp: [[1, 65_535]],
  })
  fc.assert(
    fc.property(address([10, 1, 2, 3]), (host) => {
      try {
        assert.equal(answer([everything, locked], host), 'wrong-port locked')
      } catch (thrown) {
        assert.ok(thrown instanceof Fault && thrown.code === 'BAD_DESTINATION', String(thrown))
      }
    }),
    { numRuns: 1000 },
  )
})
