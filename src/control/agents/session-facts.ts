import type { IssuedGrant } from '../../store/revocations.ts'
import type { SessionFixed, SessionNames } from '../../store/session-record.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import type { Presence } from '../presence/presence.ts'

/** What a grant fixes of its sessions, with the names of today: records are read long after objects are gone. */
export interface GrantFacts {
  readonly issued: IssuedGrant
  readonly fixed: SessionFixed
  readonly names: SessionNames
}

export function factsOfGrant(
  issued: IssuedGrant,
  policy: PolicySnapshot,
  presence: Pick<Presence, 'clients'>,
): GrantFacts {
  const { id, userId, deviceId, connectorId, segmentId, ruleId, host } = issued
  const [client] = presence.clients(deviceId)
  const names = {
    userName: policy.users.get(userId)?.name,
    deviceName: client?.device?.name,
    segmentName: policy.destinations.byId(segmentId)?.name,
    ruleName: policy.rules.byId(ruleId)?.name,
    connectorName: policy.connector(connectorId)?.name,
  }
  return {
    issued,
    fixed: {
      ...{ grant: id, user: userId, device: deviceId, connector: connectorId },
      ...{ segment: segmentId, rule: ruleId, host },
    },
    names: Object.fromEntries(Object.entries(names).filter(([, name]) => name !== undefined)),
  }
}
