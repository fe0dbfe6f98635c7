import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { failingConditions } from '../../policy/conditions.ts'
import type { AccessRequest, Conditions } from '../../policy/rule.ts'
import { covers } from './rule-cover.ts'

/** Who is in which group, and which segment. */
const USERS: Readonly<Record<string, readonly string[]>> = {
  ada: ['staff'],
  eve: ['staff', 'admins'],
  max: [],
}
const SEGMENTS: Readonly<Record<string, string | undefined>> = {
  wiki: 'office',
  git: 'office',
  db: undefined,
}

const populations = {
  usersOf: (group: string) => new Set(Object.keys(USERS).filter((user) => USERS[user]!.includes(group))),
  segmentsOf: (group: string) => new Set(Object.keys(SEGMENTS).filter((one) => SEGMENTS[one] === group)),
}

const some = (all: readonly string[]) =>
  fc.option(fc.subarray([...all], { minLength: 1 }), { nil: undefined })
const time = { days: ['mon', 'tue'], from: '08:00', to: '18:00', zone: 'Europe/Berlin' } as const
const conditions: fc.Arbitrary<Conditions> = fc
  .record({
    users: some(Object.keys(USERS)),
    userGroups: some(['staff', 'admins']),
    devices: some(['laptop', 'phone']),
    clientKinds: some(['client']),
    segments: some(Object.keys(SEGMENTS)),
    segmentGroups: some(['office']),
    posture: fc.option(
      fc.array(fc.record({ fact: fc.constantFrom('managed', 'os'), equals: fc.boolean() }), { maxLength: 2 }),
      { nil: undefined },
    ),
    time: fc.option(fc.constant({ ...time, days: [...time.days] }), { nil: undefined }),
  })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, one]) => one !== undefined)))

const request: fc.Arbitrary<AccessRequest> = fc
  .record({
    user: fc.constantFrom(...Object.keys(USERS)),
    device: fc.constantFrom('laptop', 'phone'),
    segment: fc.constantFrom(...Object.keys(SEGMENTS)),
    managed: fc.boolean(),
    os: fc.boolean(),
    hour: fc.nat(7 * 24 - 1),
  })
  .map(({ user, device, segment, hour, ...posture }) => ({
    user: { id: user, groups: USERS[user]! },
    device: { id: device, posture },
    clientKind: 'client',
    segment: { id: segment, segmentGroup: SEGMENTS[segment] } as AccessRequest['segment'],
    nowMs: Date.UTC(2026, 5, 1, hour),
  }))

const matches = (wanted: Conditions, asked: AccessRequest) =>
  failingConditions(wanted, asked).next().done === true

/** Two rules: any two, or a wide one that asks for some of what the narrow one does. */
const pair = fc
  .tuple(conditions, conditions, fc.option(fc.infiniteStream(fc.boolean())))
  .map(([narrow, other, keeps]) => {
    const kept = Object.entries(narrow).filter(() => keeps?.next().value)
    return { narrow, wide: keeps === null ? other : (Object.fromEntries(kept) as Conditions) }
  })

test('a rule that is said to cover another matches whenever that one does, whoever asks for what', () => {
  let covering = 0
  fc.assert(
    fc.property(pair, fc.array(request, { minLength: 5, maxLength: 20 }), ({ wide, narrow }, asked) => {
      if (!covers(wide, narrow, populations)) return
      covering++
      for (const one of asked) assert.ok(!matches(narrow, one) || matches(wide, one), JSON.stringify(one))
    }),
    { numRuns: 1000 },
  )
  assert.ok(covering > 100, `${covering} pairs`)
})

test('every rule that can match covers itself, and one without conditions covers all', () => {
  fc.assert(
    fc.property(conditions, (one) => {
      assert.equal(covers(one, one, populations), one.posture?.length !== 0)
      assert.equal(covers({}, one, populations), true)
      assert.equal(covers(one, {}, populations), Object.keys(one).length === 0)
    }),
  )
})

test('a rule with an empty list of facts matches nobody, so it covers nothing', () => {
  assert.equal(covers({ posture: [] }, {}, populations), false)
  assert.equal(covers({ posture: [] }, { posture: [{ fact: 'managed', equals: true }] }, populations), false)
})

test('a user who is listed is found in the groups of the other rule; a group is not taken for its members', () => {
  assert.equal(covers({ userGroups: ['staff'] }, { users: ['ada', 'eve'] }, populations), true)
  assert.equal(covers({ userGroups: ['admins'] }, { users: ['ada', 'eve'] }, populations), false)
  assert.equal(covers({ users: ['ada', 'eve'] }, { userGroups: ['staff'] }, populations), false)
  assert.equal(covers({ segmentGroups: ['office'] }, { segments: ['wiki'] }, populations), true)
  assert.equal(covers({ segmentGroups: ['office'] }, { segments: ['wiki', 'db'] }, populations), false)
})

test('long lists are compared as short ones are', () => {
  const ids = Array.from({ length: 50 }, (_, number) => `dev_${number}`)
  assert.equal(covers({ devices: ids }, { devices: ids.slice(7, 40) }, populations), true)
  assert.equal(covers({ devices: ids }, { devices: [...ids.slice(0, 3), 'dev_absent'] }, populations), false)
})
