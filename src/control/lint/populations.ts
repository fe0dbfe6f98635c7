/**
 * Whom and what the conditions of a rule can mean at all: people who may sign in, segments that are there.
 *
 * @module
 */
import type { LintObject } from '../../api/lint.ts'
import type { AccessRuleSpec } from '../../api/specs.ts'
import { about, objectNamesOf } from './finding.ts'
import type { LintFacts } from './lint-facts.ts'
import { Population } from './population.ts'
import { enabledSegments } from './topology.ts'

type RuleConditions = AccessRuleSpec['conditions']

/** A condition that cannot hold, and why. */
export interface Empty {
  readonly condition: keyof RuleConditions
  readonly reason: string
  readonly others: readonly LintObject[]
}

export interface Populations {
  /** Enabled users of a group. */
  usersOf(group: string): ReadonlySet<string>
  /** Enabled segments of a segment group. */
  segmentsOf(group: string): ReadonlySet<string>
  /** The first condition that nobody and nothing can meet. */
  emptyCondition(conditions: RuleConditions): Empty | undefined
}

export function populationsOf(facts: LintFacts): Populations {
  const users = usersOf(facts.declared.user)
  const segments = segmentsOf(enabledSegments(facts))
  const devices = new Map(facts.devices.map((device) => [device.id, device]))
  const usable: { readonly [Name in Listed]: (id: string) => boolean } = {
    users: (id) => users.has(id),
    userGroups: (id) => users.in(id).size > 0,
    devices: (id) => devices.get(id)?.enabled === true,
    segments: (id) => segments.has(id),
    segmentGroups: (id) => segments.in(id).size > 0,
  }
  const objects: { [Name in Listed]?: ReadonlyMap<string, LintObject> } = {}
  const objectsOf = (condition: Listed) => {
    const kind = KINDS[condition]
    const all = kind === 'client-device' ? facts.devices : facts.declared[kind]
    objects[condition] ??= new Map(all.map((object) => [object.id, about(kind, object)]))
    return objects[condition]
  }
  const inGroups = {
    usersOf: (group: string) => users.in(group),
    segmentsOf: (group: string) => segments.in(group),
  }

  return {
    ...inGroups,
    emptyCondition(conditions) {
      for (const condition of LISTED) {
        const ids = conditions[condition]
        if (ids === undefined || ids.some(usable[condition])) continue
        const others = ids.flatMap((id) => objectsOf(condition).get(id) ?? [])
        const reason =
          ids.length === 0
            ? 'the list is empty'
            : `${objectNamesOf(others.map((one) => one.name))}: ${WHY_UNUSABLE[condition]}`
        return { condition, reason, others }
      }
      for (const condition of ['clientKinds', 'posture'] as const)
        if (conditions[condition]?.length === 0) return { condition, reason: 'the list is empty', others: [] }
      return contradiction(conditions) ?? apart(conditions, inGroups)
    },
  }
}

/** Those who may sign in. */
const usersOf = ofSame((all: LintFacts['declared']['user']) => {
  const users = all.filter(({ spec }) => spec.enabled)
  return new Population(users, ({ spec }) => spec.groups)
})

const segmentsOf = ofSame(
  (segments: ReturnType<typeof enabledSegments>) =>
    new Population(segments, ({ spec }) => (spec.segmentGroup === undefined ? [] : [spec.segmentGroup])),
)

/** What was made of a list before, while it is the very same list. */
function ofSame<List extends object, Made>(make: (list: List) => Made): (list: List) => Made {
  const known = new WeakMap<List, Made>()
  return (list) => {
    const made = known.get(list) ?? make(list)
    known.set(list, made)
    return made
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
const LISTED = Object.keys(WHY_UNUSABLE) as Listed[]

const KINDS = {
  users: 'user',
  userGroups: 'user-group',
  devices: 'client-device',
  segments: 'segment',
  segmentGroups: 'segment-group',
} as const satisfies Record<Listed, LintObject['kind']>

/** One fact cannot have two values. */
function contradiction({ posture = [] }: RuleConditions): Empty | undefined {
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
  { users, userGroups, segments, segmentGroups }: RuleConditions,
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
