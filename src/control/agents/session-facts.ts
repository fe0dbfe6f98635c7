import type { Clock } from '../../base/clock.ts'
import type { SessionFacts } from '../../store/session-record.ts'
import type { Store } from '../../store/store.ts'
import type { SessionReport } from '../../wire/control.ts'
import type { PolicySnapshot } from '../snapshot.ts'
import type { Connected } from './presence.ts'

/** The report with the reporter's proven identity in it: an agent speaks for nobody else. */
export function ownReport(connected: Connected, report: SessionReport): SessionReport {
  const { role, id } = connected.peer.identity
  return role === 'client'
    ? { ...report, side: 'client', device: id, user: undefined }
    : { ...report, side: 'connector', connector: id }
}

/** Names for the ids in a report, as they are now: records are read long after objects are gone. */
export async function sessionFacts(
  deps: { store: Store; policy: () => Promise<PolicySnapshot>; clock: Clock },
  report: SessionReport,
): Promise<SessionFacts> {
  const policy = await deps.policy()
  const device = report.device === undefined ? undefined : await deps.store.devices.byId(report.device)
  const segment = policy.segments.find((one) => one.id === report.segment)
  return {
    user: device?.userId,
    userName: device && policy.users.get(device.userId)?.name,
    deviceName: device?.name,
    segmentName: segment?.name,
    ruleName: policy.rules.find((one) => one.id === report.rule)?.name,
    connectorName:
      segment &&
      policy.members(policy.connectorGroupsOf(segment)).find((one) => one.id === report.connector)?.name,
  }
}
