/** What is said of one write is looked for where the write can have had a part: it must be what a look at everything says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDocuments } from '../../api/documents.ts'
import { OBJECT_KIND_NAMES } from '../../api/kinds.ts'
import { openStore, type Store } from '../../store/store.ts'
import { execute } from '../apply/execute.ts'
import { prepare } from '../apply/prepare.ts'
import { concerning } from './lint.ts'
import { DAY_MS } from './lint-cases.fixture.ts'
import { lintEverything, warningsAbout } from './warnings.ts'

const NOW_MS = Date.UTC(2026, 10, 21)
const clock = { nowMs: () => NOW_MS, monotonicUs: () => 0 }
const deps = { clock, presence: { connector: () => undefined } }

const found = new Set<string>()
for (let seed = 1; seed <= 40; seed++) {
  test(`lint of one write, any object of random policy ${seed}: as of everything`, async () => {
    const random = randomOf(seed)
    await using store = await openStore({ file: ':memory:', clock })
    await declare(store, documentsOf(random))
    await enrol(store, random)
    await comparePerObject(store, random)
    // What is kept of the objects before is not taken for what they are now.
    await declare(
      store,
      documentsOf(random).filter(() => random(3) === 0),
    )
    await comparePerObject(store, random)
  })
}

test('the random policies have findings of each code that is about objects', () => {
  const codes = [
    ...['ADDRESS_FORBIDDEN', 'GROUP_SINGLE_MEMBER', 'LINT_FAILOVER_EMPTY', 'LINT_NAME_IN_TWO_SEGMENTS'],
    ...['LINT_PORT_HIDDEN', 'LINT_PROBES_TOO_MANY', 'LINT_RULE_NEVER_MATCHES', 'LINT_RULE_SHADOWED'],
    ...[
      'NAME_IN_TWO_LANES',
      'NO_HEALTHY_CONNECTOR',
      'POLICY_DENIED',
      'SEGMENT_UNMAPPED',
      'WRONG_CONNECTOR_KIND',
    ],
  ]
  assert.deepEqual(
    codes.filter((code) => !found.has(code)),
    [],
  )
})

async function comparePerObject(store: Store, random: Random): Promise<void> {
  await store.reading(async (tx) => {
    const { findings } = await lintEverything(tx, deps)
    for (const { code } of findings) found.add(code)
    const ids: string[] = []
    for (const kind of OBJECT_KIND_NAMES) for (const { id } of await tx.objects.all(kind)) ids.push(id)
    for (const { id } of await tx.connectors.all()) ids.push(id)
    const several = Array.from({ length: 12 }, (_, at) => some(random, ids, 2 + at))
    for (const about of [...ids.map((id) => [id]), ...several, ids.filter((id) => id.startsWith('rul_'))]) {
      const told = await warningsAbout(tx, deps, about)
      assert.deepEqual(told, concerning(findings, new Set(about)), about.join(' '))
    }
  })
}

async function declare(store: Store, documents: readonly object[]): Promise<void> {
  const text = documents.map((one) => JSON.stringify(one)).join('\n---\n')
  const prepared = await prepare(store, [...readDocuments(text, 'random.yaml').documents])
  await store.transaction((tx) => execute(tx, prepared, { prune: false }))
}

async function enrol(store: Store, random: Random): Promise<void> {
  for (let n = random(9); n >= 0; n--) {
    const { id: groupId } = await store.objects.get('connector-group', one(random, GROUPS))
    const { id } = await store.connectors.create({
      ...{ thumbprint: `c${n}`, serial: `c${n}`, generation: 1, fingerprint: {}, publicKeyHash: `c${n}` },
      ...{ name: `c${n}`, groupId, notAfterMs: NOW_MS + (1 + random(5)) * DAY_MS },
      host: { name: `c${n}`, platform: 'linux', program: 'test' },
    })
    if (random(5) === 0) await store.connectors.update(id, { enabled: false })
  }
}

type Random = (below: number) => number

/** The same numbers for the same seed: mulberry32. */
function randomOf(seed: number): Random {
  let state = seed * 0x9e3779b9
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const one = <Item>(random: Random, items: readonly Item[]): Item => items[random(items.length)]!

function some<Item>(random: Random, items: readonly Item[], most: number): Item[] {
  return [...new Set(Array.from({ length: random(most + 1) }, () => one(random, items)))]
}

const named = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`)
const GROUPS = named('g', 5)
const SERVER_GROUPS = named('sg', 5)
const SEGMENT_GROUPS = named('office', 3)
const SEGMENTS = named('s', 12)
const USER_GROUPS = named('team', 4)
const USERS = named('u', 8)
const RULES = named('r', 24)
const NAMES = [
  ...['a.example', '*.example', 'b.a.example', '*.a.example', 'c.b.a.example', '*.b.a.example', 'd.test'],
  ...['localhost', '*.test'],
]
const NETWORKS = [
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.2.0/24',
  '10.1.2.3/32',
  '2001:db8::/32',
  '2001:db8:1::/48',
]
const PORTS = ['443', '80', '8000-8100', '22', '400-500']

/** Of few names, so that much is about the same; most are enabled. */
function documentsOf(random: Random): object[] {
  const enabled = () => random(6) > 0
  const conditions = () => {
    const lists: Record<string, unknown> = {}
    if (random(2) === 0) lists.users = some(random, USERS, 3)
    if (random(3) === 0) lists.userGroups = some(random, USER_GROUPS, 2)
    if (random(2) === 0) lists.segments = some(random, SEGMENTS, 3)
    if (random(3) === 0) lists.segmentGroups = some(random, SEGMENT_GROUPS, 2)
    if (random(6) === 0) lists.posture = [{ fact: 'managed', equals: random(2) === 0 }]
    if (random(8) === 0) lists.clientKinds = some(random, ['user', 'branch'], 2)
    return lists
  }
  return [
    { kind: 'posture-fact', name: 'managed', valueType: 'boolean' },
    ...GROUPS.map((name) => {
      const connectorKind = random(5) === 0 ? 'branch' : 'app'
      return { kind: 'connector-group', name, connectorKind, enabled: enabled() }
    }),
    ...SERVER_GROUPS.map((name) => {
      const [connectorGroups, failoverConnectorGroups] = [some(random, GROUPS, 2), some(random, GROUPS, 1)]
      const failovers = failoverConnectorGroups.filter((group) => !connectorGroups.includes(group))
      return {
        ...{ kind: 'server-group', name, enabled: enabled(), connectorGroups },
        failoverConnectorGroups: failovers,
      }
    }),
    ...SEGMENT_GROUPS.map((name) => ({ kind: 'segment-group', name, enabled: enabled() })),
    ...SEGMENTS.map((name) => ({
      ...{ kind: 'segment', name, enabled: enabled(), serverGroups: some(random, SERVER_GROUPS, 2) },
      ...{ domains: [one(random, NAMES), ...some(random, NAMES, 2)].filter(isFirst) },
      ...{ cidrs: some(random, NETWORKS, 2), tcp: [one(random, PORTS)] },
      ...(random(2) === 0 ? { segmentGroup: one(random, SEGMENT_GROUPS) } : {}),
    })),
    {
      ...{ kind: 'segment', name: 'watched', health: 'continuous', tcp: ['1001-1010'], enabled: enabled() },
      ...{
        domains: named('w', 51).map((name) => `${name}.example`),
        serverGroups: some(random, SERVER_GROUPS, 2),
      },
    },
    ...USER_GROUPS.map((name) => ({ kind: 'user-group', name })),
    ...USERS.map((name) => ({
      kind: 'user',
      name,
      enabled: enabled(),
      groups: some(random, USER_GROUPS, 2),
    })),
    ...RULES.map((name) => ({
      ...{ kind: 'access-rule', name, enabled: enabled(), order: random(20) },
      ...{ action: random(3) === 0 ? 'deny' : 'allow', conditions: conditions() },
    })),
    { kind: 'internet-rule', name: 'direct', enabled: enabled(), domains: [one(random, NAMES.slice(0, 7))] },
    { kind: 'internet-rule', name: 'straight', domains: [one(random, NAMES.slice(0, 7)), 'news.invalid'] },
  ]
}

function isFirst<Item>(item: Item, at: number, items: readonly Item[]): boolean {
  return items.indexOf(item) === at
}
