import type { SessionFacts } from '../../store/session-record.ts'
import type { SessionReport } from '../../wire/control.ts'
import type { PolicySnapshot } from '../snapshot.ts'
import type { Edges } from './edges.ts'
import type { Connected } from './presence.ts'

/** The report with the reporter's proven identity in it: an agent speaks for nobody else. */
export function ownReport(connected: Connected, report: SessionReport): SessionReport {
  const { role, id } = connected.peer.identity
  return role === 'client'
    ? { ...report, side: 'client', device: id, user: undefined }
    : { ...report, side: 'connector', connector: id }
}

/**
 * Names for the ids in reports of one agent, as they are now: records are read long after objects are gone.
 * Thousands of sessions a second share a few segments and rules, so each pair is looked up once.
 */
export function sessionFacts(
  connected: Connected,
  policy: PolicySnapshot,
  edges: Pick<Edges, 'reasonFor'>,
): (report: SessionReport) => SessionFacts {
  const known = new Map<string, SessionFacts>()
  const { device } = connected
  const who = device && {
    user: device.userId,
    userName: policy.users.get(device.userId)?.name,
    deviceName: device.name,
  }
  const named = ({ segment: segmentId, rule, connector }: SessionReport): SessionFacts => {
    const key = `${segmentId} ${rule} ${connector}`
    const before = known.get(key)
    if (before !== undefined) return before
    const segment = policy.segments.find((one) => one.id === segmentId)
    const members = segment === undefined ? [] : policy.members(policy.connectorGroupsOf(segment))
    const facts: SessionFacts = {
      ...who,
      segmentName: segment?.name,
      ruleName: policy.rules.find((one) => one.id === rule)?.name,
      connectorName: members.find((one) => one.id === connector)?.name,
    }
    known.set(key, facts)
    return facts
  }
  return (report) => ({ ...named(report), ...edges.reasonFor(report.pipe) })
}
