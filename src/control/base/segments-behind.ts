import type { Steps } from '../../base/slices.ts'
import { PersistentMap } from '../../policy/persistent-map.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import { segmentChanges } from '../../policy/segment-changes.ts'

type GroupsOf = (segment: PolicySegment) => readonly string[]

/** More segments than that are looked at as a whole again. */
const MAX_CHANGES = 64

/** Segments by the connector groups that they are behind, each list in the order of all. */
export class SegmentsBehind {
  readonly #segments: readonly PolicySegment[]
  readonly #byGroup: PersistentMap<string, PolicySegment[]>

  private constructor(
    segments: readonly PolicySegment[],
    byGroup = new PersistentMap<string, PolicySegment[]>(),
  ) {
    this.#segments = segments
    this.#byGroup = byGroup
  }

  /** @param segments In order of name. */
  static *of(segments: readonly PolicySegment[], groupsOf: GroupsOf): Steps<SegmentsBehind> {
    return new SegmentsBehind(segments, new PersistentMap(yield* byGroups(segments, groupsOf)))
  }

  /**
   * The same as `of`, made of another where few have changed since.
   *
   * @param groupsOf Says of a segment that has not changed what it said before.
   */
  static *after(
    before: SegmentsBehind,
    segments: readonly PolicySegment[],
    groupsOf: GroupsOf,
  ): Steps<SegmentsBehind> {
    const { gone, come } = segmentChanges(before.#segments, segments)
    if (gone.length + come.length > MAX_CHANGES) return yield* SegmentsBehind.of(segments, groupsOf)
    const left = yield* byGroups(gone, groupsOf)
    const added = yield* byGroups(come, groupsOf)
    const lists = new Map<string, PolicySegment[]>()
    for (const group of new Set([...left.keys(), ...added.keys()])) {
      const without = new Set(left.get(group))
      const stay = before.of(group).filter((one) => !without.has(one))
      lists.set(
        group,
        [...stay, ...(added.get(group) ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1)),
      )
      yield
    }
    return new SegmentsBehind(segments, before.#byGroup.with(lists))
  }

  of(group: string): readonly PolicySegment[] {
    return this.#byGroup.get(group) ?? []
  }
}

/** One segment may be behind as many groups as there are. */
function* byGroups(some: readonly PolicySegment[], groupsOf: GroupsOf): Steps<Map<string, PolicySegment[]>> {
  const lists = new Map<string, PolicySegment[]>()
  for (const segment of some) {
    for (const group of groupsOf(segment)) {
      const list = lists.get(group)
      if (list === undefined) lists.set(group, [segment])
      else list.push(segment)
    }
    yield
  }
  return lists
}
