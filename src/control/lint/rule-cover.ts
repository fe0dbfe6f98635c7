import { isDeepStrictEqual } from 'node:util'
import { idSet } from '../../policy/id-set.ts'
import type { Conditions } from '../../policy/rule.ts'
import type { Populations } from './populations.ts'

/**
 * Does `wide` hold whenever `narrow` does? Groups are compared as they are named, so that a group which is small today
 * makes no finding; a user or segment that is listed one by one is looked for in the groups.
 */
export function covers(
  wide: Conditions,
  narrow: Conditions,
  { usersOf, segmentsOf }: Pick<Populations, 'usersOf' | 'segmentsOf'>,
): boolean {
  const inGroups = (ids: readonly string[] | undefined, groups: readonly string[], of: typeof usersOf) =>
    ids?.every((id) => groups.some((group) => of(group).has(id))) ?? false
  const { users, userGroups, segments, segmentGroups, posture, time } = wide
  return (
    within(narrow.users, users) &&
    within(narrow.devices, wide.devices) &&
    within(narrow.clientKinds, wide.clientKinds) &&
    within(narrow.segments, segments) &&
    (within(narrow.userGroups, userGroups) || inGroups(narrow.users, userGroups ?? [], usersOf)) &&
    (within(narrow.segmentGroups, segmentGroups) ||
      inGroups(narrow.segments, segmentGroups ?? [], segmentsOf)) &&
    demandsNoMore(posture, narrow.posture) &&
    (time === undefined || isDeepStrictEqual(time, narrow.time))
  )
}

/** All facts of a list must hold, but an empty one holds for nobody. */
function demandsNoMore(wide: Conditions['posture'], narrow: Conditions['posture'] = []): boolean {
  if (wide === undefined) return true
  const isSame = (a: PostureWanted, b: PostureWanted) => a.fact === b.fact && a.equals === b.equals
  return wide.length > 0 && wide.every((wanted) => narrow.some((other) => isSame(wanted, other)))
}

type PostureWanted = NonNullable<Conditions['posture']>[number]

/** Of so few it costs more to make a set than to look them through. */
const FEW_IDS = 8

/** A condition that is absent holds for all; one that is there must be narrower on the other side. */
function within(narrow: readonly string[] | undefined, wide: readonly string[] | undefined): boolean {
  if (wide === undefined) return true
  if (narrow === undefined) return false
  if (wide.length <= FEW_IDS) return narrow.every((id) => wide.includes(id))
  const ids = idSet(wide)
  return narrow.every((id) => ids.has(id))
}
