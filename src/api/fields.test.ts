import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parsePorts } from '../policy/ports.ts'
import { cidr, domain, name, portRange } from './fields.ts'

const DOMAINS: [text: string, want: string | undefined][] = [
  ['wiki.example.com', 'wiki.example.com'],
  ['WIKI.Example.COM.', 'wiki.example.com'],
  ['*.Example.com', '*.example.com'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['_ldap._tcp.corp', '_ldap._tcp.corp'],
  ['localhost', 'localhost'],
  ['*', undefined],
  ['*.', undefined],
  ['*.*.example.com', undefined],
  ['wiki.*.com', undefined],
  ['wiki..example', undefined],
  ['.example', undefined],
  ['wiki.example.com..', undefined],
  ['wiki example', undefined],
  ['wiki.example.com\0.evil', undefined],
  ['wiki.example.com/x', undefined],
  ['wiki.example.com:443', undefined],
  ['user@wiki.example.com', undefined],
  ['10.0.0.1', undefined],
  ['127.1', undefined],
  ['0x7f000001', undefined],
  ['[::1]', undefined],
  [`${'a'.repeat(64)}.example`, undefined],
  [`${'a.'.repeat(130)}example`, undefined],
  ['-wiki.example', undefined],
]
for (const [text, want] of DOMAINS) {
  test(`domain ${JSON.stringify(text.slice(0, 40))} is ${want ?? 'refused'}`, () => {
    assert.equal(domain.safeParse(text).data, want)
  })
}

const CIDRS: [text: string, want: string | undefined][] = [
  ['10.20.0.0/16', '10.20.0.0/16'],
  ['10.20.0.1', '10.20.0.1/32'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['FD00:0::/8', 'fd00::/8'],
  ['2001:db8:0:0:0:0:0:1', '2001:db8::1/128'],
  ['::/0', '::/0'],
  ['10.20.0.1/16', undefined],
  ['fd00::1/8', undefined],
  ['10.20.0.0/33', undefined],
  ['::/129', undefined],
  ['10.20.0.0/', undefined],
  ['10.20.0.0/+8', undefined],
  ['10.20/16', undefined],
  ['010.0.0.0/8', undefined],
  ['fe80::%eth0/64', undefined],
  ['10.0.0.0/8/8', undefined],
]
for (const [text, want] of CIDRS) {
  test(`network ${text} is ${want ?? 'refused'}`, () => {
    assert.equal(cidr.safeParse(text).data, want)
  })
}

const PORTS: [text: string, want: [number, number] | undefined][] = [
  ['443', [443, 443]],
  ['8000-8100', [8000, 8100]],
  ['1-65535', [1, 65_535]],
  ['0', undefined],
  ['65536', undefined],
  ['8100-8000', undefined],
  ['80-', undefined],
  ['-80', undefined],
  ['80,443', undefined],
  ['4e2', undefined],
]
for (const [text, want] of PORTS) {
  test(`ports ${text} are ${want ?? 'refused'}`, () => assert.deepEqual(parsePorts(text), want))
}

test('the canonical form of a canonical form is itself', () => {
  const stable = (read: (text: string) => string | undefined) => (text: string) => {
    const once = read(text)
    if (once !== undefined) assert.equal(read(once), once)
  }
  fc.assert(
    fc.property(
      fc.oneof(fc.domain(), fc.string(), fc.webUrl()),
      stable((text) => domain.safeParse(text).data),
    ),
  )
  const networks = fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(140)).map(([ip, n]) => `${ip}/${n}`)
  fc.assert(
    fc.property(
      fc.oneof(networks, fc.ipV6(), fc.string()),
      stable((text) => cidr.safeParse(text).data),
    ),
  )
  fc.assert(
    fc.property(
      fc.string(),
      stable((text) => portRange.safeParse(text).data),
    ),
  )
})

test('a name is never an id, so that either can stand for the other', () => {
  assert.equal(name.safeParse('grp_01k8zzzzzzzzzzzzzzzzzzzzzz').success, false)
  assert.equal(name.safeParse('alice@example.com').success, true)
  for (const bad of ['', '-a', 'a b', 'a/b', 'ä', 'a'.repeat(129)]) {
    assert.equal(name.safeParse(bad).success, false, bad)
  }
})
