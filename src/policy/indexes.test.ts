/** What the indexes find is what a look at everything finds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressBytes } from '../base/ip-address.ts'
import { atOnce } from '../base/slices.ts'
import { allowedSegments } from './allowed-segments.ts'
import { failingConditions } from './conditions.ts'
import { allows, decide } from './decide.ts'
import { networkHas, networkOf } from './network.ts'
import type { AccessRequest, PolicyRule } from './rule.ts'
import { RuleIndex } from './rule-index.ts'
import { type PolicySegment, patternRank, portIn } from './segment.ts'
import { SegmentIndex } from './segment-index.ts'

const ids = (kind: string, many: number) => Array.from({ length: many }, (_, n) => `${kind}${n}`)
const listOf = (items: readonly string[]) => fc.subarray([...items], { minLength: 0 })
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })

const conditions = fc
  .record({
    users: maybe(listOf(ids('usr', 3))),
    userGroups: maybe(listOf(ids('ugr', 4))),
    devices: maybe(listOf(ids('dev', 3))),
    segments: maybe(listOf(ids('seg', 4))),
    segmentGroups: maybe(listOf(ids('sgg', 2))),
    clientKinds: maybe(listOf(['client', 'browser'])),
    posture: maybe(
      fc.array(fc.record({ fact: fc.constantFrom('a', 'b'), equals: fc.boolean() }), { maxLength: 2 }),
    ),
  })
  // An absent condition and one that is undefined are the same to whoever writes them, not to whoever reads.
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, want]) => want !== undefined)))

const rules = fc
  .array(
    fc.record({
      order: fc.integer({ min: 0, max: 5 }),
      enabled: fc.boolean(),
      action: fc.constantFrom('allow' as const, 'deny' as const),
      conditions,
    }),
    { maxLength: 12 },
  )
  .map((all): PolicyRule[] => all.map((one, n) => ({ id: `rul${n}`, name: `r${n}`, ...one })))

const HOSTS = ['a.example', 'x.a.example', 'y.x.a.example', 'b.example']
const PATTERNS = [...HOSTS, '*.example', '*.a.example', '*.x.a.example']
const NETWORKS = [
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.2.0/24',
  '10.1.2.3/32',
  '0.0.0.0/0',
  '2001:db8::/32',
  '2001:db8:1::/48',
]
const DESTINATIONS = [
  ...HOSTS,
  'example',
  '10.1.2.3',
  '10.1.2.9',
  '10.9.9.9',
  '192.0.2.1',
  '2001:db8:1::1',
  '2001:db8:2::1',
]

const segments = fc
  .array(
    fc.record({
      enabled: fc.constantFrom(true, true, false),
      hosts: listOf(PATTERNS),
      cidrs: listOf(NETWORKS),
      tcp: fc.subarray<[number, number]>([
        [443, 443],
        [80, 90],
      ]),
      segmentGroup: fc.constantFrom(undefined, 'sgg0', 'sgg1'),
    }),
    { minLength: 4, maxLength: 4 },
  )
  .map((all): PolicySegment[] =>
    all.map((one, n) => ({
      ...{ id: `seg${n}`, name: `s${n}`, udp: [], health: 'none', serverGroups: [], addressCidrs: [] },
      ...one,
    })),
  )

const asking = fc.record({
  user: fc.record({ id: fc.constantFrom('usr0', 'usr1'), groups: listOf(ids('ugr', 4)) }),
  device: fc.record({
    id: fc.constantFrom('dev0', 'dev1'),
    posture: fc.constantFrom<Record<string, boolean>>({}, { a: true }, { a: false, b: true }),
  }),
  clientKind: fc.constant('client'),
  nowMs: fc.constant(0),
})

/** In order, the first of which no condition fails. */
function decidesOf(all: readonly PolicyRule[], request: AccessRequest): PolicyRule | undefined {
  return all
    .filter(({ enabled }) => enabled)
    .toSorted((a, b) => a.order - b.order || (a.id < b.id ? -1 : 1))
    .find((rule) => [...failingConditions(rule.conditions, request)].length === 0)
}

test('property: the rule that decides is the first in order that holds, of all and of any one segment', () => {
  fc.assert(
    fc.property(rules, segments, asking, (all, places, who) => {
      const index = atOnce(RuleIndex.of(all))
      const isAllowed = atOnce(allowedSegments(index, who))
      for (const segment of places) {
        const request = { ...who, segment }
        const expected = decidesOf(all, request)
        assert.equal(decide(index, request).rule?.id, expected?.id)
        assert.equal(allows(index, request), expected?.action === 'allow')
        assert.equal(isAllowed(segment), expected?.action === 'allow')
      }
    }),
    { numRuns: 1000 },
  )
})

test('property: rules that might hold on another device are among those the index gives', () => {
  fc.assert(
    fc.property(rules, segments, asking, (all, [segment], who) => {
      const index = atOnce(RuleIndex.of(all))
      const given = new Set(
        [...index.aboutAnyDevice({ ...who, segment: segment! })].map(({ rule }) => rule.id),
      )
      for (const id of ids('dev', 3)) {
        const request = { ...who, device: { ...who.device, id }, segment: segment! }
        const decides = decidesOf(all, request)
        // A rule that names devices and nothing else is about those who hold them.
        const { devices, ...others } = decides?.conditions ?? {}
        if (decides === undefined || (devices !== undefined && !namesPeopleOrPlaces(others))) continue
        assert.ok(given.has(decides.id), `${decides.id} on ${id}`)
      }
    }),
    { numRuns: 500 },
  )
})

function namesPeopleOrPlaces({
  users,
  userGroups,
  segments,
  segmentGroups,
}: PolicyRule['conditions']): boolean {
  return [users, userGroups, segments, segmentGroups].some((list) => list !== undefined)
}

/** How closely a segment names a host: longest suffix, or longest network; 0 is not at all. */
function closeness({ hosts, cidrs }: PolicySegment, host: string): number {
  const address = addressBytes(host)
  if (address === undefined) return Math.max(0, ...hosts.map((pattern) => patternRank(pattern, host)))
  const networks = cidrs.map(networkOf).filter((network) => networkHas(network, address))
  return Math.max(0, ...networks.map(({ prefix }) => 1 + prefix))
}

test('property: the segment of a destination is the closest that names it, and of those the first with the port', () => {
  fc.assert(
    fc.property(segments, (all) => {
      const index = atOnce(SegmentIndex.of(all))
      for (const host of DESTINATIONS) {
        for (const port of [443, 85, 22]) {
          const open = all.filter(({ enabled }) => enabled)
          const closest = Math.max(0, ...open.map((one) => closeness(one, host)))
          const winners = closest === 0 ? [] : open.filter((one) => closeness(one, host) === closest)
          const found = winners.find(({ tcp }) => portIn(tcp, port))
          const is = winners.length === 0 ? 'not-covered' : found === undefined ? 'wrong-port' : 'found'
          const match = index.find({ host, port, protocol: 'tcp' })
          const expected = is === 'not-covered' ? { is } : { is, segment: found ?? winners[0] }
          assert.deepEqual(match, expected, `${host}:${port}`)
        }
      }
    }),
    { numRuns: 500 },
  )
})

/** Everything that an index says of the destinations and segments here. */
function saysOf(index: SegmentIndex, all: readonly PolicySegment[]): unknown {
  return {
    found: DESTINATIONS.flatMap((host) =>
      [443, 85, 22].map((port) => index.find({ host, port, protocol: 'tcp' })),
    ),
    ports: DESTINATIONS.flatMap((host) => all.map((segment) => index.portsAt(host, segment))),
    decided: all.map((segment) => segment.enabled && index.decidedBy(segment)),
    byId: ids('seg', 5).map((id) => index.byId(id)),
  }
}

test('property: an index made of the one before says what one made as a whole says, and that one stays as it was', () => {
  const change = fc.record({ at: fc.nat(3), segments, rename: fc.boolean(), remove: fc.boolean() })
  fc.assert(
    fc.property(segments, fc.array(change, { maxLength: 6 }), (first, changes) => {
      let all = first
      let index = atOnce(SegmentIndex.of(all))
      for (const { at, segments: others, rename, remove } of changes) {
        const before = { all, index, says: saysOf(index, all) }
        const put = rename ? { ...others[at]!, name: `a${at}` } : others[at]!
        all = [...all.filter(({ id }) => id !== put.id), ...(remove ? [] : [put])]
        all.sort((a, b) => (a.name < b.name ? -1 : 1))
        index = atOnce(SegmentIndex.after(index, all))
        assert.deepEqual(saysOf(index, all), saysOf(atOnce(SegmentIndex.of(all)), all))
        assert.deepEqual(saysOf(before.index, before.all), before.says)
      }
    }),
    { numRuns: 150 },
  )
})

test('many changes, one by one or at once, make an index anew: none grows without end', () => {
  const segment = (n: number, port: number): PolicySegment => ({
    ...{ id: `seg${1000 + n}`, name: `s${1000 + n}`, enabled: true, udp: [], health: 'none' },
    ...{ hosts: [`a${n}.example`], cidrs: [], tcp: [[port, port]], serverGroups: [], addressCidrs: [] },
  })
  let all = Array.from({ length: 1000 }, (_, n) => segment(n, 1))
  let index = atOnce(SegmentIndex.of(all))
  let most = 0
  const become = (next: PolicySegment[]): void => {
    all = next
    const steps = SegmentIndex.after(index, all)
    let taken = 0
    let step = steps.next()
    for (; !step.done; step = steps.next()) taken++
    index = step.value
    most = Math.max(most, taken)
  }
  for (let n = 0; n < 1000; n++) become(all.with(n, segment(n, 2)))
  assert.equal(most, 1000) // once in a while as a whole, in as many steps
  become(all.map((_, n) => segment(n, 3)))
  for (const n of [0, 500, 999])
    assert.equal(index.find({ host: `a${n}.example`, port: 3, protocol: 'tcp' }).is, 'found')
})
