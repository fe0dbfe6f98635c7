import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../../base/faults.ts'
import type { Grant } from '../../pki/grant.ts'
import type { Open } from '../../wire/open.ts'
import { GrantScope } from './grant-scope.ts'

function grant(change: Partial<Grant>): Grant {
  return {
    id: 'grt_1',
    tenant: 't',
    user: 'u',
    userName: 'u',
    device: 'd',
    thumbprint: '0'.repeat(64),
    connector: 'c',
    segment: 's',
    segmentName: 'HR',
    rule: 'r',
    hosts: [],
    cidrs: [],
    addressCidrs: [],
    tcp: [
      [443, 443],
      [8000, 8010],
    ],
    udp: [[53, 53]],
    issuedMs: 0,
    expiresMs: 1,
    ...change,
  }
}
const to = (host: string, port = 443, protocol: 'tcp' | 'udp' = 'tcp'): Open => ({
  session: '',
  grant: '',
  protocol,
  host,
  port,
})

const DESTINATIONS: { name: string; grant: Partial<Grant>; open: Open; fault?: string }[] = [
  { name: 'exact name', grant: { hosts: ['hr.example'] }, open: to('hr.example') },
  { name: 'port at the end of a range', grant: { hosts: ['hr.example'] }, open: to('hr.example', 8010) },
  {
    name: 'port after a range',
    grant: { hosts: ['hr.example'] },
    open: to('hr.example', 8011),
    fault: 'DESTINATION_OUTSIDE_GRANT',
  },
  {
    name: 'UDP port over TCP',
    grant: { hosts: ['hr.example'] },
    open: to('hr.example', 53),
    fault: 'DESTINATION_OUTSIDE_GRANT',
  },
  { name: 'UDP', grant: { hosts: ['hr.example'] }, open: to('hr.example', 53, 'udp') },
  {
    name: 'other name',
    grant: { hosts: ['hr.example'] },
    open: to('xhr.example'),
    fault: 'DESTINATION_OUTSIDE_GRANT',
  },
  { name: 'wildcard', grant: { hosts: ['*.example.com'] }, open: to('a.b.example.com') },
  {
    name: 'wildcard is not its apex',
    grant: { hosts: ['*.example.com'] },
    open: to('example.com'),
    fault: 'DESTINATION_OUTSIDE_GRANT',
  },
  {
    name: 'evil-example.com',
    grant: { hosts: ['*.example.com'] },
    open: to('evil-example.com'),
    fault: 'DESTINATION_OUTSIDE_GRANT',
  },
  { name: 'upper case', grant: { hosts: ['hr.example'] }, open: to('HR.example'), fault: 'BAD_DESTINATION' },
  {
    name: 'trailing dot',
    grant: { hosts: ['hr.example'] },
    open: to('hr.example.'),
    fault: 'BAD_DESTINATION',
  },
  { name: 'address in a network', grant: { cidrs: ['10.0.0.0/8'] }, open: to('10.9.8.7') },
  {
    name: 'address outside',
    grant: { cidrs: ['10.0.0.0/8'] },
    open: to('11.0.0.1'),
    fault: 'DESTINATION_OUTSIDE_GRANT',
  },
  { name: 'octal address', grant: { cidrs: ['0.0.0.0/0'] }, open: to('010.0.0.1'), fault: 'BAD_DESTINATION' },
  {
    name: 'mapped address',
    grant: { cidrs: ['10.0.0.0/8'] },
    open: to('::ffff:10.0.0.1'),
    fault: 'BAD_DESTINATION',
  },
  { name: 'address of an exact host entry', grant: { hosts: ['10.0.0.5'] }, open: to('10.0.0.5') },
]
for (const { name, grant: change, open, fault } of DESTINATIONS) {
  test(`GrantScope.check ${name}: ${fault ?? 'through'}`, () => {
    const scope = new GrantScope(grant(change))
    const ask = () => scope.check(open)
    if (fault === undefined) {
      ask()
      ask()
    } else for (const _ of [1, 2]) assert.throws(ask, { code: fault })
  })
}

const OWN = new Set(['127.0.0.1', '10.0.0.5'])
const ADDRESSES: { name: string; host: string; found: string[]; addressCidrs: string[]; left?: string[] }[] =
  [
    {
      name: 'no limits',
      host: 'a',
      found: ['10.0.0.1', '192.0.2.1'],
      addressCidrs: [],
      left: ['10.0.0.1', '192.0.2.1'],
    },
    {
      name: 'within the CIDRs',
      host: 'a',
      found: ['10.0.0.1', '192.0.2.1'],
      addressCidrs: ['10.0.0.0/8'],
      left: ['10.0.0.1'],
    },
    { name: 'rebinding to another network', host: 'a', found: ['192.0.2.1'], addressCidrs: ['10.0.0.0/8'] },
    { name: 'rebinding to loopback', host: 'a', found: ['127.0.0.1'], addressCidrs: [] },
    { name: 'rebinding to metadata', host: 'a', found: ['169.254.169.254'], addressCidrs: ['0.0.0.0/0'] },
    { name: 'mapped loopback', host: 'a', found: ['::ffff:127.0.0.1'], addressCidrs: ['::/0', '0.0.0.0/0'] },
    { name: 'unspecified', host: 'a', found: ['0.0.0.0', '::'], addressCidrs: [] },
    {
      name: 'loopback that the segment means',
      host: 'a',
      found: ['127.0.0.9'],
      addressCidrs: ['127.0.0.0/8'],
      left: ['127.0.0.9'],
    },
    {
      name: 'loopback as an address, named by nobody',
      host: '127.0.0.9',
      found: ['127.0.0.9'],
      addressCidrs: ['0.0.0.0/0'],
    },
    { name: 'the connector itself, mapped', host: 'a', found: ['::ffff:10.0.0.5'], addressCidrs: [] },
    {
      name: 'the connector itself, through NAT64',
      host: 'a',
      found: ['64:ff9b::10.0.0.5'],
      addressCidrs: [],
    },
    {
      name: 'metadata through NAT64',
      host: 'a',
      found: ['64:ff9b::a9fe:a9fe'],
      addressCidrs: ['64:ff9b::/96'],
    },
    { name: 'metadata, NAT64 of the site', host: 'a', found: ['64:ff9b:1::a9fe:a9fe'], addressCidrs: [] },
    { name: 'metadata of Google', host: 'a', found: ['fd20:ce::254'], addressCidrs: ['fd20:ce::/32'] },
    { name: 'metadata, translated', host: 'a', found: ['::ffff:0:169.254.169.254'], addressCidrs: [] },
    { name: 'a unique local address', host: 'a', found: ['fd12::5'], addressCidrs: ['::/0'] },
    {
      name: 'a unique local address, of a network that is named; and the IPv4 address beside it',
      host: 'a',
      found: ['fd12::5', '10.0.0.1', 'fd13::5'],
      addressCidrs: ['fd12::/16', '10.0.0.0/8'],
      left: ['fd12::5', '10.0.0.1'],
    },
    {
      name: 'RFC 1918 beside a unique local address that nobody named',
      host: 'a',
      found: ['fd12::5', '192.168.1.4'],
      addressCidrs: [],
      left: ['192.168.1.4'],
    },
    {
      name: 'NAT64 that is named',
      host: 'a',
      found: ['64:ff9b::10.0.0.1', '64:ff9b::169.254.169.254'],
      addressCidrs: ['64:ff9b::/96'],
      left: ['64:ff9b::10.0.0.1'],
    },
    { name: 'the connector itself', host: 'a', found: ['10.0.0.5'], addressCidrs: ['10.0.0.0/8'] },
    {
      name: 'the connector itself, named',
      host: 'a',
      found: ['10.0.0.5'],
      addressCidrs: ['10.0.0.5/32'],
      left: ['10.0.0.5'],
    },
  ]
for (const { name, host, found, addressCidrs, left } of ADDRESSES) {
  test(`GrantScope.allowed ${name}: ${left?.join(', ') ?? 'ADDRESS_FORBIDDEN'}`, () => {
    const scope = new GrantScope(grant({ hosts: ['a'], addressCidrs }))
    const ask = () => scope.allowed(host, found, OWN)
    if (left !== undefined) {
      assert.deepEqual(ask(), left)
      assert.equal(ask(), ask(), 'the answer for the same answer of the resolver is kept')
      return
    }
    assert.throws(ask, (fault: Fault) => {
      assert.equal(fault.code, 'ADDRESS_FORBIDDEN')
      for (const address of found) assert.ok(fault.detail.includes(address))
      return true
    })
  })
}

test('a refusal names the segment, each address, why it is special and the field that would allow it', () => {
  const scope = new GrantScope(grant({ hosts: ['a'], addressCidrs: [] }))
  assert.throws(() => scope.allowed('a', ['fd12::5', '64:ff9b::a9fe:a9fe'], OWN), {
    code: 'ADDRESS_FORBIDDEN',
    message:
      /segment HR: a is at fd12::5 \(unique local, RFC 4193; .*addressCidrs names it\), 64:ff9b::a9fe:a9fe \(metadata: AWS.*\)/,
  })
  assert.throws(() => scope.allowed('fd12::5', ['fd12::5'], OWN), { message: /if cidrs names it/ })
})
