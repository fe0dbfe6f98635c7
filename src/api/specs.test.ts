import assert from 'node:assert/strict'
import { test } from 'node:test'
import { called, findKind, KIND_NAMES, OBJECT_KIND_NAMES, OBJECT_KINDS } from './kinds.ts'
import { mapReferences, referencesOf } from './references.ts'
import { mergePatch, schemasOf, writable } from './resources.ts'
import { segmentSpec, serverGroupSpec } from './specs.ts'

const segment = { domains: ['wiki.example'], tcp: ['443'] }

const SEGMENTS: { name: string; fields: object; at?: string }[] = [
  { name: 'one name and one port', fields: segment },
  { name: 'neither domain nor network', fields: { tcp: ['443'] }, at: 'domains' },
  { name: 'no port', fields: { domains: ['wiki.example'] }, at: 'tcp' },
  { name: 'continuous on 10 ports', fields: { ...segment, tcp: ['8000-8009'], health: 'continuous' } },
  {
    name: 'continuous on 11 ports',
    fields: { ...segment, tcp: ['8000-8010'], health: 'continuous' },
    at: 'health',
  },
  {
    name: 'continuous on 11 ports of both protocols',
    fields: { ...segment, tcp: ['8000-8005'], udp: ['53', '60-63'], health: 'continuous' },
    at: 'health',
  },
  {
    name: 'continuous on a wildcard',
    fields: { domains: ['*.example'], tcp: ['443'], health: 'continuous' },
    at: 'health',
  },
  { name: 'on access on a wildcard', fields: { domains: ['*.example'], tcp: ['1-65535'] } },
]
for (const { name, fields, at } of SEGMENTS) {
  test(`segment: ${name} is ${at === undefined ? 'fine' : `refused at ${at}`}`, () => {
    assert.equal(segmentSpec.safeParse(fields).error?.issues[0]?.path[0], at)
  })
}

test('a server group discovers its servers or lists them', () => {
  const at = (fields: object) => serverGroupSpec.safeParse(fields).error?.issues[0]?.path[0]
  assert.equal(at({}), undefined)
  assert.equal(at({ dynamicDiscovery: false, servers: ['a'] }), undefined)
  assert.equal(at({ dynamicDiscovery: true, servers: ['a'] }), 'servers')
  assert.equal(at({ dynamicDiscovery: false }), 'servers')
})

test('every word means one kind', () => {
  const words = KIND_NAMES.flatMap((kind) => [
    ...new Set([kind, called(kind).plural, ...called(kind).aliases]),
  ])
  assert.equal(new Set(words).size, words.length)
  for (const word of words) assert.notEqual(findKind(word), undefined)
  assert.equal(findKind('Segments'), 'segment')
  assert.equal(findKind('nonsense'), undefined)
})

test('a kind refers only to kinds that can exist before it', () => {
  for (const [index, kind] of OBJECT_KIND_NAMES.entries()) {
    for (const to of Object.values(OBJECT_KINDS[kind].references)) {
      const place = (OBJECT_KIND_NAMES as string[]).indexOf(to)
      assert.ok(place < index, `${kind} refers to ${to}`)
    }
  }
})

test('references are found and replaced wherever they stand', () => {
  const rule = {
    order: 1,
    action: 'allow' as const,
    conditions: { users: ['a', 'b'], segments: ['s'], posture: [{ fact: 'f', equals: 'users' }] },
  }
  assert.deepEqual(
    referencesOf('access-rule', rule).map(({ kind, value, path }) => `${kind} ${value} ${path.join('.')}`),
    [
      'user a conditions.users.0',
      'user b conditions.users.1',
      'posture-fact f conditions.posture.0.fact',
      'segment s conditions.segments.0',
    ],
  )
  const upper = mapReferences('access-rule', rule, ({ value }) => value.toUpperCase())
  assert.deepEqual(upper.conditions, {
    users: ['A', 'B'],
    segments: ['S'],
    posture: [{ fact: 'F', equals: 'users' }],
  })
  assert.deepEqual(rule.conditions.users, ['a', 'b'], 'the original stays')
})

test('a patch sets no default, and null removes: the whole says what may not be absent', () => {
  const { patch, input } = schemasOf('segment')
  assert.deepEqual(patch.parse({ enabled: false }), { enabled: false })
  assert.deepEqual(patch.parse({ segmentGroup: null }), { segmentGroup: null })
  assert.deepEqual(patch.parse({ description: null }), { description: null })
  assert.equal(patch.safeParse({ tcp: 'none' }).success, false)
  assert.equal(input.safeParse(mergePatch({ name: 'wiki', ...segment }, { name: null })).success, false)
  const merged = mergePatch(
    { name: 'wiki', ...segment, segmentGroup: 'x' },
    { segmentGroup: null, tcp: ['80'] },
  )
  assert.deepEqual(merged, { name: 'wiki', domains: ['wiki.example'], tcp: ['80'] })
  assert.equal(input.safeParse(merged).success, true)
})

test('a patch reaches below the first level, and knows the keys there', () => {
  const { patch, input } = schemasOf('access-rule')
  const time = { days: ['mon'], from: '08:00', to: '17:00', zone: 'UTC' }
  const rule = { name: 'r', order: 1, action: 'allow', conditions: { clientKinds: ['client'], time } }
  const patched = (change: object) =>
    input.parse(mergePatch(rule, patch.parse(change))) as unknown as typeof rule
  assert.equal(patched({ conditions: { time: { from: '09:00' } } }).conditions.time.from, '09:00')
  assert.deepEqual(patched({ conditions: { time: null } }).conditions, { clientKinds: ['client'] })
  assert.equal(patch.safeParse({ conditions: { user: ['ada'] } }).success, false)
  assert.equal(input.safeParse(mergePatch(rule, { conditions: { time: { from: null } } })).success, false)
})

test('what GET gave can be sent back', () => {
  const got = { kind: 'segment', id: 'seg_1', name: 'wiki', version: 3, names: {}, createdAt: '', ...segment }
  assert.deepEqual(writable('segment', got), { name: 'wiki', ...segment })
})
