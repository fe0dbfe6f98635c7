import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { accessRuleSpec, internetRuleSpec, segmentSpec } from '../../api/specs.ts'
import { atOnce } from '../../base/slices.ts'
import { decide } from '../../policy/decide.ts'
import { laneOf } from '../../policy/lanes.ts'
import { RuleIndex } from '../../policy/rule-index.ts'
import { SegmentIndex } from '../../policy/segment-index.ts'
import type { StoredObject } from '../../store/objects.ts'
import { internetNames, policyRule, policySegment } from './policy-objects.ts'

const stored = <K extends 'segment' | 'access-rule' | 'internet-rule'>(kind: K, spec: unknown) =>
  ({ kind, id: `${kind}_1`, name: kind, version: 1, createdMs: 0, updatedMs: 0, spec }) as StoredObject<K>

/** Texts of the pieces that names, networks, ports and times are made of, right and wrong. */
const text = (pieces: readonly string[], maxLength: number) =>
  fc.array(fc.constantFrom(...pieces), { maxLength }).map((parts) => parts.join(''))
const NAME_PIECES = 'a b x n - - . . _ 1 0 ü ß X * *. xn-- example com 。 ① İ ſ K 0x7f'.split(' ')
const anyName = fc.oneof(
  text([...NAME_PIECES, '\u00ad', '\u0301', '\u200d'], 7),
  fc.constantFrom('xn--a.example', '*.xn--a', 'a.xn--bcher-kva8.example', 'wiki.example', '*.example.com'),
  fc.domain(),
)
const anyNetwork = fc.oneof(
  fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(129)).map(([ip, prefix]) => `${ip}/${prefix}`),
  fc.constantFrom('::ffff:10.0.0.0/104', '::ffff:a00:0/96', '::/0', '0.0.0.0/0', '64:ff9b::/96'),
  text(['10', '.', '0', ':', '::', 'fd00', '/', '8', '96', 'ffff'], 8),
)
const anyPorts = text(['1', '4', '43', '-', '65535', ' ', '0'], 4)
const anyTime = fc.record({
  days: fc.subarray(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']),
  from: fc.oneof(fc.constantFrom('08:00', '00:00', '23:59', '24:00'), text(['0', '1', '2', ':', '59'], 5)),
  to: fc.oneof(fc.constantFrom('08:00', '17:30', '24:00'), text(['0', '2', '4', ':', '00'], 5)),
  zone: fc.oneof(
    fc.constantFrom('Europe/Berlin', 'utc', 'Etc/GMT+5', '+02:00', '-0330', 'EST5EDT', 'Mars/Olympus'),
    text(['+', '-', '0', '2', ':', 'UTC', 'Europe', '/', 'Berlin'], 4),
  ),
})

test('property: what the API takes for a segment, policy reads as it is stored, and finds', () => {
  const anySegment = fc.record({
    domains: fc.array(anyName, { maxLength: 2 }),
    cidrs: fc.array(anyNetwork, { maxLength: 2 }),
    addressCidrs: fc.array(anyNetwork, { maxLength: 1 }),
    tcp: fc.array(anyPorts, { minLength: 1, maxLength: 2 }),
  })
  let taken = 0
  fc.assert(
    fc.property(anySegment, (fields) => {
      const read = segmentSpec.safeParse(fields)
      if (!read.success) return
      taken++
      const segment = policySegment(stored('segment', read.data), true, new Map())
      assert.equal(segment.unreadable, undefined)
      assert.deepEqual([segment.hosts, segment.cidrs], [read.data.domains, read.data.cidrs])
      const index = atOnce(SegmentIndex.of([segment]))
      const port = segment.tcp[0]![0]
      for (const host of segment.hosts) {
        const asked = { host: host.replace('*', 'x'), port, protocol: 'tcp' } as const
        assert.equal(index.find(asked).is, 'found', host)
      }
      for (const cidr of segment.cidrs) {
        assert.equal(index.find({ host: cidr.split('/')[0]!, port, protocol: 'tcp' }).is, 'found', cidr)
      }
      laneOf('wiki.example', { bypass: [], claimed: segment.hosts })
    }),
    { numRuns: 5000 },
  )
  assert.ok(taken > 100, 'the draw has enough that is taken')
})

test('property: what the API takes for a rule, policy decides by', () => {
  const value = fc.oneof(fc.string(), fc.double(), fc.boolean())
  const conditions = fc.record(
    {
      users: fc.array(fc.string({ maxLength: 4 }), { maxLength: 2 }),
      segments: fc.array(fc.string({ maxLength: 4 }), { maxLength: 2 }),
      posture: fc.array(fc.record({ fact: fc.constantFrom('__proto__', 'os'), equals: value }), {
        maxLength: 2,
      }),
      time: anyTime,
    },
    { requiredKeys: [] },
  )
  let taken = 0
  fc.assert(
    fc.property(conditions, fc.date({ noInvalidDate: true }), (drawn, now) => {
      const read = accessRuleSpec.safeParse({ order: 1, action: 'allow', conditions: drawn })
      if (!read.success) return
      taken++
      const { rule, unreadable } = policyRule(stored('access-rule', read.data), new Map())
      assert.equal(unreadable, undefined)
      const spec = segmentSpec.parse({ domains: ['wiki.example'], tcp: ['443'] })
      const segment = policySegment(stored('segment', spec), true, new Map())
      const user = { id: 'usr_1', groups: [] }
      const request = {
        user,
        device: { id: 'dev_1', posture: {} },
        clientKind: 'client',
        segment,
        nowMs: +now,
      }
      decide(atOnce(RuleIndex.of([rule!])), request)
    }),
    { numRuns: 3000 },
  )
  assert.ok(taken > 100, 'the draw has enough that is taken')
})

test('property: what the API takes for an internet rule, clients can decide lanes by', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      const read = internetRuleSpec.safeParse({ domains: [name] })
      if (!read.success) return
      const { domains, unreadable } = internetNames(stored('internet-rule', read.data))
      assert.equal(unreadable, undefined)
      const [pattern] = domains
      const rules = { bypass: [{ pattern: pattern!, rule: 'r' }], claimed: [] }
      assert.equal(laneOf(pattern!.replace('*', 'x'), rules).is, 'bypass')
    }),
    { numRuns: 3000 },
  )
})

test('a refusal of the API says what policy said', () => {
  const refused = segmentSpec.safeParse({ domains: ['xn--a.example'], tcp: ['443'] })
  assert.match(refused.error!.issues[0]!.message, /expected a DNS name.*xn--/)
})

const wide = { domains: ['*.example'], cidrs: ['0.0.0.0/0'], addressCidrs: [], tcp: ['1-65535'], udp: [] }
const SEGMENTS: { name: string; spec: object; host: string }[] = [
  { name: 'one name of two', spec: { domains: ['xn--a.example', 'pay.example'] }, host: 'pay.example' },
  { name: 'bits after the prefix', spec: { domains: [], cidrs: ['10.0.0.1/8'] }, host: '10.2.3.4' },
  { name: 'its ports', spec: { domains: ['pay.example'], tcp: ['http'] }, host: 'pay.example' },
  {
    name: 'networks it resolves to',
    spec: { domains: ['pay.example'], addressCidrs: ['x'] },
    host: 'pay.example',
  },
  { name: 'lists that are none', spec: { domains: ['pay.example'], cidrs: 7 }, host: 'pay.example' },
]
for (const { name, spec, host } of SEGMENTS) {
  test(`a segment of which policy cannot read ${name} is closed: a wider one does not get what it names`, () => {
    const all = { ...wide, cidrs: [], serverGroups: [], health: 'continuous', ...spec }
    const broken = policySegment(stored('segment', all), true, new Map())
    assert.notEqual(broken.unreadable, undefined)
    assert.notEqual(broken.health, 'continuous', 'nobody tries every port of it')
    const open = policySegment(stored('segment', { ...wide, serverGroups: [] }), true, new Map())
    const match = atOnce(SegmentIndex.of([{ ...open, id: 'a' }, broken])).find({
      host,
      port: 22,
      protocol: 'tcp',
    })
    assert.ok(match.is === 'found')
    assert.equal(match.segment, broken)
  })
}

const RULES: { name: string; spec: Record<string, unknown>; denies: boolean }[] = [
  { name: 'a deny with an unknown zone', spec: { conditions: { time: { zone: '+02:00' } } }, denies: true },
  { name: 'a deny with a list that is none', spec: { conditions: { users: 5 } }, denies: true },
  { name: 'a deny for somebody else', spec: { conditions: { users: ['usr_2'], time: {} } }, denies: false },
  { name: 'a deny without a place', spec: { order: 'last' }, denies: true },
  { name: 'a rule that says nothing', spec: { action: 'perhaps' }, denies: true },
  { name: 'a deny for what is no id', spec: { conditions: { users: [null] } }, denies: true },
  { name: 'a deny for a list that is a word', spec: { conditions: { users: 'usr_2' } }, denies: true },
  {
    name: 'a deny on a condition of a newer version',
    spec: { conditions: { country: ['x'] } },
    denies: true,
  },
  {
    name: 'an allow on a condition of a newer version',
    spec: { action: 'allow', conditions: { country: ['x'] } },
    denies: false,
  },
  { name: 'an allow whose conditions are none', spec: { action: 'allow', conditions: [] }, denies: false },
  { name: 'an allow whose conditions are gone', spec: { action: 'allow', conditions: null }, denies: false },
  { name: 'an allow that may be off', spec: { action: 'allow', enabled: 'no' }, denies: false },
  {
    name: 'an empty row',
    spec: { order: undefined, action: undefined, conditions: undefined },
    denies: true,
  },
  {
    name: 'an allow with an unknown zone',
    spec: { action: 'allow', conditions: { time: {} } },
    denies: false,
  },
]
for (const { name, spec, denies } of RULES) {
  test(`an unreadable rule opens nothing: ${name} ${denies ? 'denies' : 'is left out'}`, () => {
    const everybody = { enabled: true, order: 5, action: 'allow', conditions: {} }
    const broken = { enabled: true, order: 1, action: 'deny', conditions: {}, ...spec }
    const read = policyRule(stored('access-rule', broken), new Map())
    assert.notEqual(read.unreadable, undefined)
    const allow = { ...policyRule(stored('access-rule', everybody), new Map()).rule!, id: 'b' }
    const rules = [read.rule, allow].filter((rule) => rule !== undefined)
    const segment = policySegment(stored('segment', { ...wide, serverGroups: [] }), true, new Map())
    const user = { id: 'usr_1', groups: [] }
    const request = { user, device: { id: 'dev_1', posture: {} }, clientKind: 'client', segment, nowMs: 0 }
    const decision = decide(atOnce(RuleIndex.of(rules)), request)
    assert.equal(decision.allow, !denies)
  })
}
