/** Records of the store as the API gives them. */
import type { z } from 'zod'
import type { ObjectKind } from '../../api/kinds.ts'
import type {
  auditRecord,
  clientDevice,
  connector,
  provisioningKey,
  SessionResource,
  token,
} from '../../api/records.ts'
import type { Role } from '../../api/roles.ts'
import { rfc3339 } from '../../base/clock.ts'
import { loadOf } from '../../policy/overload.ts'
import type { AuditRecord } from '../../store/audit.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { DeviceRecord } from '../../store/devices.ts'
import type { KeyRecord } from '../../store/keys.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { SessionRecord } from '../../store/session-record.ts'
import type { Repositories } from '../../store/store.ts'
import type { TokenRecord } from '../../store/tokens.ts'
import type { LivePresence } from './deps.ts'

type Reader = Pick<Repositories, 'objects' | 'passwords'>

/** @param presence Where it is read: what is written has no state yet. */
export async function objectResource(
  tx: Reader,
  stored: StoredObject,
  presence?: Pick<LivePresence, 'edge'>,
): Promise<object> {
  return {
    kind: stored.kind,
    ...envelope(stored),
    ...stored.spec,
    names: await tx.objects.namesOf(stored.kind, stored.spec),
    ...(stored.kind === 'edge' && presence ? { state: presence.edge(stored.id) } : {}),
    ...(stored.kind === 'user' ? { hasPassword: (await tx.passwords.get(stored.id)) !== undefined } : {}),
  }
}

function envelope(record: {
  id: string
  name: string
  version: number
  createdMs: number
  updatedMs: number
}) {
  return {
    id: record.id,
    name: record.name,
    version: record.version,
    createdAt: rfc3339(record.createdMs),
    updatedAt: rfc3339(record.updatedMs),
  }
}

function at(unixMs: number | undefined): string | undefined {
  return unixMs === undefined ? undefined : rfc3339(unixMs)
}

async function nameOf(tx: Reader, kind: ObjectKind, id: string): Promise<Record<string, string>> {
  const found = await tx.objects.find(kind, id)
  return found === undefined ? {} : { [id]: found.name }
}

export async function keyResource(
  tx: Reader,
  key: KeyRecord,
  nowMs: number,
): Promise<z.infer<typeof provisioningKey>> {
  const spent = key.uses >= key.maxUses ? 'exhausted' : 'usable'
  return {
    kind: 'provisioning-key',
    ...envelope(key),
    ...(key.edgeId === undefined
      ? { group: key.groupId, names: await nameOf(tx, 'connector-group', key.groupId) }
      : { edge: key.edgeId, names: await nameOf(tx, 'edge', key.edgeId) }),
    uses: key.uses,
    maxUses: key.maxUses,
    expiresAt: rfc3339(key.expiresMs),
    revoked: key.revoked,
    state: key.revoked ? 'revoked' : key.expiresMs <= nowMs ? 'expired' : spent,
  }
}

function identity(record: ConnectorRecord | DeviceRecord) {
  return {
    ...envelope(record),
    enabled: record.enabled,
    host: record.host,
    enrolledAt: rfc3339(record.enrolledMs),
    certificateEndsAt: rfc3339(record.notAfterMs),
    serial: record.serial,
    publicKeyHash: record.publicKeyHash,
    generation: record.generation,
    lastAddress: record.lastAddress,
    lastSeenAt: at(record.lastSeenMs),
  }
}

async function segmentNames(
  tx: Reader,
  sessionsBy: readonly { readonly segment: string }[] = [],
): Promise<Record<string, string>> {
  const found = await Promise.all(sessionsBy.map(({ segment }) => nameOf(tx, 'segment', segment)))
  return Object.assign({}, ...found)
}

export async function connectorResource(
  tx: Reader,
  record: ConnectorRecord,
  presence: LivePresence,
): Promise<z.infer<typeof connector>> {
  const live = presence.connector(record.id)
  return {
    kind: 'connector',
    ...identity(record),
    group: record.groupId,
    names: {
      ...(await nameOf(tx, 'connector-group', record.groupId)),
      ...(await segmentNames(tx, live?.sessionsBy)),
    },
    state: record.enabled ? (live?.state ?? 'disconnected') : 'disabled',
    provisioningKey: record.keyId,
    factors: Object.keys(record.fingerprint),
    live: live && {
      connectedAt: rfc3339(live.connectedMs),
      address: live.address,
      sessions: live.sessions,
      tunnels: live.tunnels,
      cpuPercent: live.cpuPercent,
      rssBytes: live.rssBytes,
      rttUs: live.rttUs,
      figures: live.figures,
      load: live.figures && loadOf(live.figures),
      sessionsBy: live.sessionsBy?.map((one) => ({ ...one })),
      overload: live.overload,
      leak: live.leak,
      edge: live.edge,
      edges: [...live.edgesSeen],
    },
  }
}

export async function deviceResource(
  tx: Reader,
  record: DeviceRecord,
  presence: LivePresence,
): Promise<z.infer<typeof clientDevice>> {
  const connected = presence.device(record.id) ? 'connected' : 'disconnected'
  return {
    kind: 'client-device',
    ...identity(record),
    user: record.userId,
    names: await nameOf(tx, 'user', record.userId),
    state: record.enabled ? connected : 'disabled',
    posture: record.posture,
    reportedPosture: record.reportedPosture,
    assignedPosture: record.assignedPosture,
  }
}

export function sessionResource(record: SessionRecord): SessionResource {
  const {
    startedMs,
    endedMs,
    userName,
    deviceName,
    connectorName,
    edgeName,
    segmentName,
    ruleName,
    ...rest
  } = record
  return {
    kind: 'session',
    ...rest,
    names: {
      user: userName,
      device: deviceName,
      connector: connectorName,
      edge: edgeName,
      segment: segmentName,
      rule: ruleName,
    },
    startedAt: rfc3339(startedMs),
    endedAt: at(endedMs),
  }
}

export function auditResource(record: AuditRecord): z.infer<typeof auditRecord> {
  const { timeMs, detail, ...rest } = record
  return { kind: 'audit', at: rfc3339(timeMs), ...rest, detail: detail as Record<string, unknown> }
}

export function tokenResource(record: TokenRecord): z.infer<typeof token> {
  return {
    kind: 'token',
    ...envelope(record),
    role: record.role as Role,
    expiresAt: at(record.expiresMs),
    lastUsedAt: at(record.lastUsedMs),
  }
}
