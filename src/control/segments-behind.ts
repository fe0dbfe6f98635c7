import type { Steps } from '../base/slices.ts'
import type { PolicySegment } from '../policy/segment.ts'
import { segmentChanges } from '../policy/segment-changes.ts'
import { SharedMap } from '../policy/shared-map.ts'

type GroupsOf = (segment: PolicySegment) => readonly string[]

/** More segments than that are looked at as a whole again. */
const MAX_CHANGES = 64

/** Segments by the connector groups that they are behind, each list in the order of all. */
export class SegmentsBehind {
  readonly #segments: readonly PolicySegment[]
  readonly #byGroup: SharedMap<string, PolicySegment[]>

  private constructor(
    segments: readonly PolicySegment[],
    byGroup = new SharedMap<string, PolicySegment[]>(),
  ) {
    this.#segments = segments
    this.#byGroup = byGroup
  }

  /** @param segments In order of name. */
  static *of(segments: readonly PolicySegment[], groupsOf: GroupsOf): Steps<SegmentsBehind> {
    const behind = new SegmentsBehind(segments)
    for (const segment of segments) {
      for (const group of groupsOf(segment)) {
        const list = behind.#byGroup.get(group)
        if (list === undefined) behind.#byGroup.set(group, [segment])
        else list.push(segment)
      }
      yield
    }
    return behind
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
    const lists = new Map<string, PolicySegment[]>()
    for (const group of new Set([...gone, ...come].flatMap(groupsOf))) {
      const stay = before.of(group).filter((one) => !gone.includes(one))
      const added = come.filter((one) => groupsOf(one).includes(group))
      lists.set(
        group,
        [...stay, ...added].sort((a, b) => (a.name < b.name ? -1 : 1)),
      )
    }
    return new SegmentsBehind(segments, before.#byGroup.with(lists))
  }

  of(group: string): readonly PolicySegment[] {
    return this.#byGroup.get(group) ?? []
  }
}
