/**
 * Which segments one person on one device may reach: as asking about each of ten thousand, at the price of a few.
 *
 * @module
 */
import type { Steps } from '../base/slices.ts'
import type { PartialAccessRequest } from './conditions.ts'
import type { Conditions } from './rule.ts'
import type { Placed, RuleIndex } from './rule-index.ts'
import type { PolicySegment } from './segment.ts'

/** @returns What `allows` says of a segment. */
export function* allowedSegments(
  rules: RuleIndex,
  who: Omit<PartialAccessRequest, 'segment'>,
): Steps<(segment: PolicySegment) => boolean> {
  /** Those that hold for them, whatever they are about; of those about everything only the first is ever asked. */
  let everything: Placed | undefined
  const bySegment = new Map<string, Placed[]>()
  const byGroup = new Map<string, Placed>()
  for (const placed of rules.all) {
    yield
    if (!placed.holds(who)) continue
    const { segments, segmentGroups } = placed.rule.conditions
    if (segments !== undefined) {
      for (const id of segments) {
        const list = bySegment.get(id)
        if (list === undefined) bySegment.set(id, [placed])
        else list.push(placed)
      }
    } else if (segmentGroups !== undefined) {
      for (const id of segmentGroups) if (!byGroup.has(id)) byGroup.set(id, placed)
    } else {
      everything = placed
      break // Nothing behind it is asked about anything.
    }
  }
  return ({ id, segmentGroup: group }) => {
    const own = bySegment.get(id)?.find(({ rule }) => isOfGroup(rule.conditions, group))
    const ofGroup = group === undefined ? undefined : byGroup.get(group)
    return earlier(earlier(own, ofGroup), everything)?.rule.action === 'allow'
  }
}

function isOfGroup({ segmentGroups }: Conditions, group: string | undefined): boolean {
  return segmentGroups === undefined || (group !== undefined && segmentGroups.includes(group))
}

function earlier(a: Placed | undefined, b: Placed | undefined): Placed | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a.at < b.at ? a : b
}
