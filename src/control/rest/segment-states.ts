/**
 * The health of many segments at once, as a list has it: the same that `describe segment` knows of one. What connectors have
 * told is gone through once for those that share their connector groups, and not once for each segment.
 *
 * @module
 */
import { rfc3339 } from '../../base/clock.ts'
import { selectConnector } from '../../policy/select.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import type { LiveVitals } from './deps.ts'
import { type MemberHealth, memberHealth, type SegmentHealth, segmentHealth } from './segment-health.ts'

type SegmentMember = MemberHealth & { readonly name: string; readonly out?: string | undefined }

interface Serving {
  /** By segment: members that told of its applications. */
  readonly told: ReadonlyMap<string, readonly SegmentMember[]>
  /** All, if none of them can serve; else nobody, as nothing is known of those that told nothing. */
  readonly out: readonly SegmentMember[]
}

export class SegmentStates {
  readonly #policy: PolicySnapshot
  readonly #vitals: Pick<LiveVitals, 'candidates' | 'toldBy' | 'usedMs'>
  readonly #serving = new Map<string, Serving>()

  constructor(policy: PolicySnapshot, vitals: Pick<LiveVitals, 'candidates' | 'toldBy' | 'usedMs'>) {
    this.#policy = policy
    this.#vitals = vitals
  }

  /** None of a segment that policy does not have yet. */
  of(id: string): Pick<SegmentHealth, 'state' | 'because'> | undefined {
    const segment = this.#policy.destinations.byId(id)
    if (segment === undefined) return undefined
    const groups = this.#policy.connectorGroupsOf(segment)
    const failover = this.#policy.failoverGroupsOf(segment)
    const key = `${groups.join()} ${failover.join()}`
    const serving = this.#serving.get(key) ?? this.#look(groups, failover)
    this.#serving.set(key, serving)
    const usedMs = this.#vitals.usedMs(id)
    const usedAt = usedMs === undefined ? undefined : rfc3339(usedMs)
    const { state, because } = segmentHealth(segment.health, serving.told.get(id) ?? serving.out, usedAt)
    return { state, because }
  }

  #look(groups: readonly string[], failover: readonly string[]): Serving {
    const candidates = this.#vitals
      .candidates(this.#policy, groups)
      .map((one) => ({ ...one, failover: failover.includes(one.group) }))
    // Who is out counts only where all are: in a large group the first few show that they are not.
    const serves = candidates.some((one) => selectConnector([one]).chosen !== undefined)
    const excluded = serves ? [] : selectConnector(candidates).excluded
    const out = new Map(excluded.map(({ id, because }) => [id, because]))
    const told = new Map<string, SegmentMember[]>()
    for (const { id, name, state } of candidates) {
      if (state === 'disconnected') continue
      for (const [segment, some] of Map.groupBy(this.#vitals.toldBy(id), (one) => one.segment)) {
        const members = told.get(segment) ?? []
        told.set(segment, members)
        members.push({ name, out: out.get(id), ...memberHealth(some) })
      }
    }
    if (serves) return { told, out: [] }
    return { told, out: candidates.map(({ id, name }) => ({ name, out: out.get(id), ...memberHealth([]) })) }
  }
}
