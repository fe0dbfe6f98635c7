import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atOnce } from '../../base/slices.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import { SegmentsBehind } from './segments-behind.ts'

const GROUPS = Array.from({ length: 1000 }, (_, n) => `cgr_${n}`)
const segment = (name: string, serverGroups: readonly string[]) => ({ name, serverGroups }) as PolicySegment
const small = Array.from({ length: 50 }, (_, n) =>
  segment(`s${String(n).padStart(2, '0')}`, [GROUPS[n % 7]!]),
)
const groupsOf = (of: PolicySegment) => of.serverGroups

const same = (one: SegmentsBehind, other: SegmentsBehind) => {
  for (const group of GROUPS) assert.deepEqual(one.of(group), other.of(group), group)
}

test('of a few changed segments, one of them behind every group, is made what a look at all makes', () => {
  const before = atOnce(SegmentsBehind.of(small, groupsOf))
  const changed = small.map((one, at) => (at % 20 === 3 ? segment(one.name, [GROUPS[at]!, GROUPS[2]!]) : one))
  const segments = [...changed.slice(0, 30), segment('s29b', GROUPS), ...changed.slice(31)]
  same(
    atOnce(SegmentsBehind.after(before, segments, groupsOf)),
    atOnce(SegmentsBehind.of(segments, groupsOf)),
  )
})

test('each changed segment is asked for its groups once, and each group is a step of its own', () => {
  const before = atOnce(SegmentsBehind.of([...small, segment('wide', GROUPS)], groupsOf))
  let asked = 0
  const counted = (of: PolicySegment) => {
    asked++
    return of.serverGroups
  }
  const steps = SegmentsBehind.after(before, [...small, segment('wide', GROUPS)], counted)
  let pauses = 0
  while (!steps.next().done) pauses++
  assert.equal(asked, 2)
  assert.ok(pauses >= GROUPS.length)
})
