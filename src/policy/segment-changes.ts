import type { PolicySegment } from './segment.ts'

/** What is not the very same segment any more is gone, and has come. */
export interface SegmentChanges {
  readonly gone: readonly PolicySegment[]
  readonly come: readonly PolicySegment[]
}

/** Few where both lists have the same order, whatever that is: of ten thousand those that somebody wrote. */
export function segmentChanges(
  before: readonly PolicySegment[],
  now: readonly PolicySegment[],
): SegmentChanges {
  const gone: PolicySegment[] = []
  const come: PolicySegment[] = []
  let at = 0
  for (const segment of now) {
    while (at < before.length && before[at] !== segment && before[at]!.name < segment.name)
      gone.push(before[at++]!)
    if (before[at] === segment) at++
    else come.push(segment)
  }
  return { gone: [...gone, ...before.slice(at)], come }
}
