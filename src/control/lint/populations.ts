/**
 * Whom and what the conditions of a rule can mean at all: people who may sign in, segments that are there.
 *
 * @module
 */
import type { LintObject } from '../../api/lint.ts'
import type { AccessRuleSpec } from '../../api/specs.ts'
import type { LintFacts } from './facts.ts'
import { about, namesOf } from './finding.ts'
import { enabledSegments } from './topology.ts'

type Conditions = AccessRuleSpec['conditions']

/** A condition that cannot hold, and why. */
export interface Empty {
  readonly condition: keyof Conditions
  readonly reason: string
  readonly others: readonly LintObject[]
}

export interface Populations {
  /** Enabled users of a group. */
  usersOf(group: string): ReadonlySet<string>
  /** Enabled segments of a segment group. */
  segmentsOf(group: string): ReadonlySet<string>
  /** The first condition that nobody and nothing can meet. */
  emptyCondition(conditions: Conditions): Empty | undefined
}

const NONE: ReadonlySet<string> = new Set()

export function populationsOf(facts: LintFacts): Populations {
  const { declared } = facts
  const segments = enabledSegments(facts)
  const users = declared.user.filter(({ spec }) => spec.enabled)
  const usersBy = new Map<string, Set<string>>()
  for (const { id, spec } of users) {
    for (const group of spec.groups) usersBy.set(group, (usersBy.get(group) ?? new Set()).add(id))
  }
  const segmentsBy = new Map<string, Set<string>>()
  for (const { id, spec } of segments) {
    const group = spec.segmentGroup
    if (group !== undefined) segmentsBy.set(group, (segmentsBy.get(group) ?? new Set()).add(id))
  }
  const usersOf = (group: string) => usersBy.get(group) ?? NONE
  const segmentsOf = (group: string) => segmentsBy.get(group) ?? NONE

  const usable = new Set([
    ...users.map(({ id }) => id),
    ...segments.map(({ id }) => id),
    ...declared['user-group'].filter(({ id }) => usersOf(id).size > 0).map(({ id }) => id),
    ...declared['segment-group'].filter(({ id }) => segmentsOf(id).size > 0).map(({ id }) => id),
    ...facts.devices.filter(({ enabled }) => enabled).map(({ id }) => id),
  ])
  const named = new Map<string, LintObject>()
  for (const kind of ['user', 'user-group', 'segment', 'segment-group'] as const) {
    for (const object of declared[kind]) named.set(object.id, about(kind, object))
  }
  for (const device of facts.devices) named.set(device.id, about('client-device', device))

  return {
    usersOf,
    segmentsOf,
    emptyCondition(conditions) {
      for (const [condition, why] of Object.entries(WHY_UNUSABLE) as [Listed, string][]) {
        const ids = conditions[condition]
        if (ids === undefined || ids.some((id) => usable.has(id))) continue
        const others = ids.flatMap((id) => named.get(id) ?? [])
        const reason =
          ids.length === 0 ? 'the list is empty' : `${namesOf(others.map((one) => one.name))}: ${why}`
        return { condition, reason, others }
      }
      if (conditions.clientKinds?.length === 0) {
        return { condition: 'clientKinds', reason: 'the list is empty', others: [] }
      }
      return contradiction(conditions) ?? apart(conditions, { usersOf, segmentsOf })
    },
  }
}

const WHY_UNUSABLE = {
  users: 'every user it names is disabled',
  userGroups: 'no enabled user is in it',
  devices: 'every device it names is disabled',
  segments: 'every segment it names is disabled',
  segmentGroups: 'no enabled segment is in it',
} as const
type Listed = keyof typeof WHY_UNUSABLE

/** One fact cannot have two values. */
function contradiction({ posture = [] }: Conditions): Empty | undefined {
  const wanted = new Map<string, unknown>()
  for (const { fact, equals } of posture) {
    if (wanted.has(fact) && wanted.get(fact) !== equals) {
      const reason = `one fact would have to be both ${wanted.get(fact)} and ${equals}`
      return { condition: 'posture', reason, others: [] }
    }
    wanted.set(fact, equals)
  }
  return undefined
}

/** Both lists must hold: users that are in none of the groups, segments that are in none of theirs. */
function apart(
  { users, userGroups, segments, segmentGroups }: Conditions,
  { usersOf, segmentsOf }: Pick<Populations, 'usersOf' | 'segmentsOf'>,
): Empty | undefined {
  const meet = (ids: readonly string[], groups: readonly string[], of: typeof usersOf) =>
    ids.some((id) => groups.some((group) => of(group).has(id)))
  if (users && userGroups && !meet(users, userGroups, usersOf)) {
    return { condition: 'users', reason: 'none of them is in a group of userGroups', others: [] }
  }
  if (segments && segmentGroups && !meet(segments, segmentGroups, segmentsOf)) {
    return { condition: 'segments', reason: 'none of them is in a group of segmentGroups', others: [] }
  }
  return undefined
}
