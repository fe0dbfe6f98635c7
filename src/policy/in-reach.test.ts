import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { atOnce } from '../base/slices.ts'
import { allows } from './decide.ts'
import { inReach } from './in-reach.ts'
import type { AccessRequest, Conditions, PolicyRule } from './rule.ts'
import { RuleIndex } from './rule-index.ts'

const request: AccessRequest = {
  user: { id: 'usr_ann', groups: ['ugr_dev'] },
  device: { id: 'dev_1', posture: {} },
  clientKind: 'client',
  segment: {
    ...{ id: 'seg_wiki', name: 'wiki', hosts: ['wiki.example.com'], cidrs: [], tcp: [[443, 443]], udp: [] },
    ...{ health: 'none', segmentGroup: 'sgg_docs', serverGroups: [], enabled: true, addressCidrs: [] },
  },
  nowMs: Date.parse('2026-11-20T10:30:00Z'),
}

let made = 0
const rule = (action: 'allow' | 'deny', conditions: Conditions, o: Partial<PolicyRule> = {}): PolicyRule => {
  const id = `rul_${String(++made).padStart(5, '0')}`
  return { id, name: id, order: made, enabled: true, action, conditions, ...o }
}
const reach = (...rules: PolicyRule[]) => inReach(atOnce(RuleIndex.of(rules)), request)
const night = { days: ['sat'], from: '01:00', to: '02:00', zone: 'UTC' } as const

const IN: [name: string, ...rules: PolicyRule[]][] = [
  ['everybody', rule('allow', {})],
  ['the user', rule('allow', { users: ['usr_bob', 'usr_ann'] })],
  ['a group of the user', rule('allow', { userGroups: ['ugr_dev'], segmentGroups: ['sgg_docs'] })],
  ['with another posture', rule('allow', { posture: [{ fact: 'managed', equals: true }] })],
  ['at another hour', rule('allow', { time: night })],
  ['with another kind of client', rule('allow', { clientKinds: ['browser'] })],
  ['on another device of the user', rule('allow', { users: ['usr_ann'], devices: ['dev_2'] })],
  ['on this device, whosever it is', rule('allow', { devices: ['dev_1'] })],
  ['after a denial at night', rule('deny', { time: night }), rule('allow', {})],
  ['after a denial of others', rule('deny', { users: ['usr_bob'] }), rule('allow', {})],
  ['after a denial nobody can read', rule('deny', {}, { unreadable: 'time: no zone' }), rule('allow', {})],
]
for (const [name, ...rules] of IN) test(`in reach: ${name}`, () => assert.equal(reach(...rules), true))

const OUT: [name: string, ...rules: PolicyRule[]][] = [
  ['no rule'],
  ['another user', rule('allow', { users: ['usr_bob'] })],
  ['another group', rule('allow', { userGroups: ['ugr_ops'] })],
  ['another segment', rule('allow', { segments: ['seg_git'] })],
  ['another group of segments', rule('allow', { segmentGroups: ['sgg_code'] })],
  ['a device of nobody knows whom', rule('allow', { devices: ['dev_2'] })],
  ['nobody at all', rule('allow', { users: ['usr_ann'], posture: [] })],
  ['a rule that is switched off', rule('allow', {}, { enabled: false })],
  ['denied before', rule('deny', { userGroups: ['ugr_dev'] }), rule('allow', {})],
]
for (const [name, ...rules] of OUT) test(`out of reach: ${name}`, () => assert.equal(reach(...rules), false))

test('whatever policy allows, on whatever device and whenever, is in reach', () => {
  const some = <T>(...values: T[]) => fc.subarray(values, { minLength: 0 })
  const conditions: fc.Arbitrary<Conditions> = fc.record(
    {
      users: some('usr_ann', 'usr_bob'),
      userGroups: some('ugr_dev', 'ugr_ops'),
      segments: some('seg_wiki', 'seg_git'),
      segmentGroups: some('sgg_docs', 'sgg_code'),
      devices: some('dev_1', 'dev_2'),
      clientKinds: some('client', 'browser'),
      posture: some({ fact: 'managed', equals: true }),
    },
    { requiredKeys: [] },
  )
  const action = fc.constantFrom('allow' as const, 'deny' as const)
  const rules = fc.array(fc.tuple(action, conditions), { maxLength: 8 })
  fc.assert(
    fc.property(rules, fc.boolean(), (drawn, managed) => {
      const index = atOnce(RuleIndex.of(drawn.map(([does, on]) => rule(does, on))))
      const device = { id: 'dev_1', posture: { managed } }
      if (allows(index, { ...request, device })) assert.equal(inReach(index, request), true)
    }),
    { numRuns: 1000 },
  )
})
