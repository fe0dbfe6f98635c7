import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { atOnce } from '../base/slices.ts'
import { CONDITION_NAMES, failingConditions } from './conditions.ts'
import { allows, type Decision, decide as decideBy, decisionFault } from './decide.ts'
import type { AccessRequest, Conditions, PolicyRule } from './rule.ts'
import { RuleIndex } from './rule-index.ts'

const request: AccessRequest = {
  user: { id: 'usr_ann', groups: ['ugr_dev', 'ugr_all'] },
  device: { id: 'dev_1', posture: { diskEncrypted: true, osMajor: 14, osName: 'macos' } },
  clientKind: 'client',
  segment: {
    id: 'seg_wiki',
    name: 'wiki',
    hosts: ['wiki.example.com'],
    cidrs: [],
    tcp: [[443, 443]],
    udp: [],
    health: 'none',
    segmentGroup: 'sgg_docs',
    serverGroups: [],
    enabled: true,
    addressCidrs: [],
  },
  nowMs: Date.parse('2026-11-20T10:30:00Z'), // a Friday
}

const decide = (rules: readonly PolicyRule[], about: AccessRequest) =>
  decideBy(atOnce(RuleIndex.of(rules)), about)

let made = 0
function rule(
  action: 'allow' | 'deny',
  conditions: Conditions = {},
  o: Partial<PolicyRule> = {},
): PolicyRule {
  const id = `rul_${++made}`
  return { id, name: id, order: made, enabled: true, action, conditions, ...o }
}
const denied = (decision: Decision) => {
  assert.equal(decision.allow, false)
  return decision as Decision & { allow: false }
}

test('no rule, no access', () => {
  assert.deepEqual(decide([], request), { allow: false, nearest: undefined })
})

test('the first match by order wins, whatever the order of the list', () => {
  const deny = rule('deny', {}, { order: 1 })
  const allow = rule('allow', {}, { order: 2 })
  assert.equal(decide([allow, deny], request).rule, deny)
  assert.equal(decide([{ ...allow, order: 0 }, deny], request).allow, true)
})

test('a disabled rule is not asked', () => {
  const deny = rule('deny', {}, { enabled: false })
  const allow = rule('allow')
  assert.deepEqual(decide([deny, allow], request), { allow: true, rule: allow })
})

const HOLDS: [name: string, conditions: Conditions][] = [
  ['users', { users: ['usr_bob', 'usr_ann'] }],
  ['userGroups', { userGroups: ['ugr_ops', 'ugr_dev'] }],
  ['devices', { devices: ['dev_1'] }],
  ['clientKinds', { clientKinds: ['browser', 'client'] }],
  ['segments', { segments: ['seg_wiki'] }],
  ['segmentGroups', { segmentGroups: ['sgg_docs'] }],
  [
    'posture: all facts hold',
    {
      posture: [
        { fact: 'diskEncrypted', equals: true },
        { fact: 'osMajor', equals: 14 },
      ],
    },
  ],
  ['time', { time: { days: ['fri'], from: '09:00', to: '17:00', zone: 'Europe/Berlin' } }],
]
for (const [name, conditions] of HOLDS) {
  test(`condition holds: ${name}`, () =>
    assert.equal(decide([rule('allow', conditions)], request).allow, true))
}

const FAILS: [name: string, conditions: Conditions, wanted: string[], seen: string[]][] = [
  ['users', { users: ['usr_bob'] }, ['usr_bob'], ['usr_ann']],
  ['users', { users: [] }, [], ['usr_ann']],
  ['userGroups', { userGroups: ['ugr_ops'] }, ['ugr_ops'], ['ugr_dev', 'ugr_all']],
  ['devices', { devices: ['dev_2'] }, ['dev_2'], ['dev_1']],
  ['clientKinds', { clientKinds: ['browser'] }, ['browser'], ['client']],
  ['segments', { segments: ['seg_git'] }, ['seg_git'], ['seg_wiki']],
  ['segmentGroups', { segmentGroups: ['sgg_code'] }, ['sgg_code'], ['sgg_docs']],
  ['posture', { posture: [{ fact: 'osMajor', equals: 15 }] }, ['osMajor = 15'], ['osMajor = 14']],
  ['posture', { posture: [{ fact: 'osMajor', equals: '14' }] }, ['osMajor = 14'], ['osMajor = 14']],
  [
    'posture',
    { posture: [{ fact: 'firewall', equals: true }] },
    ['firewall = true'],
    ['firewall is not reported'],
  ],
  [
    'posture',
    { posture: [{ fact: 'constructor', equals: true }] },
    ['constructor = true'],
    ['constructor is not reported'],
  ],
  [
    'posture',
    {
      posture: [
        { fact: 'osMajor', equals: 14 },
        { fact: 'diskEncrypted', equals: false },
      ],
    },
    ['diskEncrypted = false'],
    ['diskEncrypted = true'],
  ],
  ['posture', { posture: [] }, [], []],
  [
    'time',
    { time: { days: ['mon', 'fri'], from: '09:00', to: '10:00', zone: 'UTC' } },
    ['mon fri 09:00-10:00 UTC'],
    ['fri 10:30 UTC'],
  ],
]
for (const [name, conditions, wanted, seen] of FAILS) {
  test(`condition fails: ${name} ${JSON.stringify(conditions)}`, () => {
    const { nearest } = denied(decide([rule('allow', conditions)], request))
    assert.deepEqual(nearest?.failing, { condition: name, wanted, seen })
  })
}

test('nearest is the rule about this application and this person, not the one with the fewest failures', () => {
  const otherApplication = rule('allow', { segments: ['seg_git'] })
  const otherPeople = rule('allow', { segments: ['seg_wiki'], users: ['usr_bob'] })
  const near = rule('allow', {
    segments: ['seg_wiki'],
    users: ['usr_ann'],
    posture: [{ fact: 'firewall', equals: true }],
    time: { days: ['sun'], from: '00:00', to: '24:00', zone: 'UTC' },
  })
  const { rule: by, nearest } = denied(decide([otherApplication, otherPeople, near], request))
  assert.equal(by, undefined)
  assert.equal(nearest?.rule, near)
  assert.equal(nearest?.failing.condition, 'posture')
})

test('a deny rule that did not match is never near', () => {
  assert.equal(denied(decide([rule('deny', { users: ['usr_bob'] })], request)).nearest, undefined)
})

test('when a rule denies, allow rules after it are not near: they would not have been asked', () => {
  const before = rule('allow', { users: ['usr_bob'] })
  const deny = rule('deny')
  const after = rule('allow')
  const decision = denied(decide([before, deny, after], request))
  assert.equal(decision.rule, deny)
  assert.equal(decision.nearest?.rule, before)
  assert.equal(denied(decide([deny, after], request)).nearest, undefined)
})

test('a denial becomes a fault that names rule and condition', () => {
  const posture = rule('allow', { posture: [{ fact: 'firewall', equals: true }] }, { name: 'staff' })
  const missing = decisionFault(denied(decide([posture], request)), request)
  assert.equal(missing.code, 'POSTURE_FAILED')
  assert.deepEqual(missing.seen, {
    segment: 'wiki',
    user: 'usr_ann',
    nearestRule: 'staff',
    condition: 'posture',
    wanted: ['firewall = true'],
    seen: ['firewall is not reported'],
  })
  const deny = rule('deny', { users: ['usr_ann'] }, { name: 'leavers' })
  const refused = decisionFault(denied(decide([deny, posture], request)), request)
  assert.equal(refused.code, 'POLICY_DENIED')
  assert.equal(refused.seen.rule, 'leavers')
  assert.equal(decisionFault(denied(decide([], request)), request).code, 'POLICY_DENIED')
})

test('a rule that cannot be read decides nothing', () => {
  const broken = rule('allow', { time: { days: ['fri'], from: '09:00', to: '17:00', zone: 'Mars/Olympus' } })
  assert.throws(() => decide([broken, rule('allow')], request), { code: 'INVALID' })
})

test('conditions are asked in one order, so that the first that fails is the same everywhere', () => {
  assert.deepEqual(CONDITION_NAMES, [
    'segments',
    'segmentGroups',
    'users',
    'userGroups',
    'devices',
    'clientKinds',
    'posture',
    'time',
  ])
})

const anyConditions = fc.record(
  {
    users: fc.subarray(['usr_ann', 'usr_bob']),
    userGroups: fc.subarray(['ugr_dev', 'ugr_ops']),
    segments: fc.subarray(['seg_wiki', 'seg_git']),
    clientKinds: fc.subarray(['client', 'browser']),
    posture: fc.array(
      fc.record({
        fact: fc.constantFrom('osMajor', 'firewall', '__proto__'),
        equals: fc.constantFrom(14, true),
      }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
)
const anyRules = fc.array(
  fc.record({
    action: fc.constantFrom('allow' as const, 'deny' as const),
    enabled: fc.boolean(),
    conditions: anyConditions,
  }),
  { maxLength: 8 },
)

test('property: a denial without a rule always names a condition that really fails, and allowing needs an allow rule', () => {
  fc.assert(
    fc.property(anyRules, (drawn) => {
      const rules = drawn.map((o, i): PolicyRule => ({ id: `rul_${i}`, name: `rul_${i}`, order: i, ...o }))
      const decision = decide(rules, request)
      if (decision.allow) {
        assert.equal(decision.rule.action, 'allow')
        assert.equal(decision.rule.enabled, true)
        return
      }
      const near = decision.nearest
      if (near) {
        // Without the conditions of its kind the rule fails later or not at all: what was named was in the way.
        const { [near.failing.condition]: _, ...rest } = near.rule.conditions
        const again = decide([{ ...near.rule, conditions: rest }], request)
        if (!again.allow) assert.notEqual(again.nearest?.failing.condition, near.failing.condition)
      } else if (!decision.rule) {
        assert.equal(rules.filter((r) => r.enabled && r.action === 'allow').length, 0)
      }
      // One more rule that denies, asked first, always denies.
      const first = rule('deny', {}, { order: -1 })
      assert.equal(decide([...rules, first], request).rule, first)
    }),
    { numRuns: 1000 },
  )
})

test('property: the rules a request is filed under decide as all rules would, one after the other', () => {
  const ids = (prefix: string) => fc.subarray([`${prefix}_1`, `${prefix}_2`, `${prefix}_3`])
  const conditions = fc.record(
    {
      ...{ users: ids('usr'), userGroups: ids('ugr'), devices: ids('dev') },
      ...{ segments: ids('seg'), segmentGroups: ids('sgg'), clientKinds: fc.subarray(['client', 'other']) },
    },
    { requiredKeys: [] },
  )
  const rules = fc.array(
    fc.record({
      ...{ action: fc.constantFrom('allow' as const, 'deny' as const), enabled: fc.boolean() },
      ...{ order: fc.nat(3), conditions },
    }),
    { maxLength: 20 },
  )
  const one = (prefix: string) => fc.constantFrom(`${prefix}_1`, `${prefix}_2`)
  const asked = fc.tuple(one('usr'), ids('ugr'), one('dev'), one('seg'), fc.option(one('sgg')))
  fc.assert(
    fc.property(rules, asked, (drawn, [user, groups, device, segment, segmentGroup]) => {
      const all = drawn.map(
        (o, i): PolicyRule => ({ id: `rul_${String(i).padStart(2, '0')}`, name: '', ...o }),
      )
      const about: AccessRequest = {
        ...request,
        user: { id: user, groups },
        device: { id: device, posture: {} },
        segment: { ...request.segment, id: segment, segmentGroup: segmentGroup ?? undefined },
      }
      const first = all
        .filter(({ enabled }) => enabled)
        .sort((a, b) => a.order - b.order || (a.id < b.id ? -1 : 1))
        .find((rule) => failingConditions(rule.conditions, about).next().done)
      const decision = decide(all, about)
      assert.equal(decision.rule, first)
      assert.equal(decision.allow, first?.action === 'allow')
      assert.equal(allows(atOnce(RuleIndex.of(all)), about), decision.allow)
    }),
    { numRuns: 2000 },
  )
})
