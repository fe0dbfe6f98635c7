import { declared, MAX_PLANNED } from '../../policy/probe-plan.ts'
import { portsOf, type StoredSegment } from './claims.ts'
import type { Concerned } from './concerned.ts'
import { about, count, type Findings, findingAbout } from './finding.ts'
import type { Topology } from './topology.ts'

/** Each member of a group watches every application of it: how many there are is a matter of segments, not of members. */
export function* watchedTooMany({ connectorGroups }: Concerned, topology: Topology): Findings {
  for (const group of connectorGroups) {
    yield
    const watched = topology.segmentsBehind(group.id).filter(({ spec }) => spec.health === 'continuous')
    let applications = 0
    for (const segment of watched) {
      applications += applicationsOf(segment)
      yield
    }
    if (applications <= MAX_PLANNED) continue
    yield findingAbout('LINT_PROBES_TOO_MANY', about('connector-group', group), {
      reason: `${count(watched.length, 'segment')} behind it have ${applications} applications with continuous checks; a connector can check ${MAX_PLANNED}`,
      consequence: 'the health of the rest stays unknown until it is used',
      others: watched.map((segment) => about('segment', segment)),
    })
  }
}

/** Counted once for a segment that many groups serve. */
function applicationsOf(segment: StoredSegment): number {
  const known = APPLICATIONS.get(segment)
  if (known !== undefined) return known
  const { domains: hosts, cidrs } = segment.spec
  const count = [...declared({ hosts, cidrs, tcp: portsOf([segment], 'tcp') })].length
  APPLICATIONS.set(segment, count)
  return count
}

const APPLICATIONS = new WeakMap<StoredSegment, number>()
