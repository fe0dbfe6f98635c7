/** Grants as the control plane has given them, and what ends tell of sessions on them. */
import { newId } from '../base/ids.ts'
import { sessionId } from '../base/session-id.ts'
import type { SessionReport } from '../wire/control.ts'
import type { IssuedGrant } from './revocations.ts'
import type { ReportedSession, SessionNames } from './session-record.ts'

const LIFE_MS = 600_000

export function issuedGrant(over: Partial<IssuedGrant> = {}, atMs = Date.now()): IssuedGrant {
  return {
    ...{ id: newId('grt', atMs), deviceId: newId('dev'), userId: newId('usr'), connectorId: newId('con') },
    ...{ segmentId: newId('seg'), ruleId: newId('rul'), host: 'wiki.example', expiresMs: atMs + LIFE_MS },
    ports: { tcp: [[443, 443]], udp: [] },
    ...over,
  }
}

/** The report of one end of session `number` of a grant. */
export function sessionReportOf(
  grant: Pick<IssuedGrant, 'id' | 'expiresMs'>,
  number: number,
  over: Partial<SessionReport> = {},
): SessionReport {
  const startedMs = grant.expiresMs - LIFE_MS + number
  const { state = 'open' } = over
  return {
    ...{ session: sessionId(grant, number, startedMs), grant: grant.id, side: 'client', state },
    ...{ protocol: 'tcp', port: 443, startedMs, times: {}, bytesUp: 0, bytesDown: 0 },
    ...(state === 'closed' && { endedMs: startedMs, closeReason: 'done' }),
    ...over,
  }
}

/** As the control plane takes it from an agent whose grant it is. */
export function reportedBy(
  grant: IssuedGrant,
  report: SessionReport,
  names: SessionNames = {},
): ReportedSession {
  const { id, userId, deviceId, connectorId, segmentId, ruleId, host } = grant
  return {
    report,
    agent: report.side === 'client' ? deviceId : connectorId,
    fixed: {
      ...{ grant: id, user: userId, device: deviceId, connector: connectorId },
      ...{ segment: segmentId, rule: ruleId, host },
    },
    names,
  }
}
