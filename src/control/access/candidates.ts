import { loadOf } from '../../policy/overload.ts'
import { pathRttUs } from '../../policy/path-rtt.ts'
import type { Candidate } from '../../policy/select.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import type { SegmentApplication } from '../presence/applications.ts'
import type { Departures } from '../presence/departures.ts'
import type { Connected, Presence } from '../presence/presence.ts'

export interface CandidatesFor {
  /** Who would use it; without one distances do not count. */
  readonly client?: Pick<Connected, 'edges'>
  /** Without one reachability does not count. */
  readonly to?: Omit<SegmentApplication, 'segment'>
  /** Without it nothing is said of how those left that are gone. */
  readonly departures?: Pick<Departures, 'of'>
  readonly nowMs: number
}

/** Members of these groups, with all that is known of each and decides among them. */
export function candidatesOf(
  policy: Pick<PolicySnapshot, 'members'>,
  presence: Presence,
  groups: readonly string[],
  { client, to, departures, nowMs }: CandidatesFor,
): Candidate[] {
  return policy.members(groups).map((member) => {
    const connected = presence.connector(member.id)
    const { sessions = 0, given = 0, figures, overload } = connected ?? {}
    const { id, name, groupId: group } = member
    const left = connected === undefined ? departures?.of(id).left : undefined
    return {
      ...{ id, name, group },
      state: member.enabled ? (connected?.state ?? 'disconnected') : 'disabled',
      left: left && { atMs: left.atMs, orderly: left.orderly, why: left.parting?.why, lost: left.lost },
      sessions: sessions + given,
      given,
      load: figures && loadOf(figures),
      ailing: to && presence.applications.ailing(id, nowMs),
      overloaded: overload?.detail.split('; since')[0],
      rttUs: client && connected && pathRttUs(client.edges, connected.edges),
      unreachable: to && presence.applications.unreachable(id, to, nowMs),
    }
  })
}
