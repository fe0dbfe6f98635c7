/** Records of the store as the API gives them. */
import type { z } from 'zod'
import type { auditRecord } from '../../api/audit.ts'
import type { connector } from '../../api/connectors.ts'
import type { TokenRole } from '../../api/roles.ts'
import type { SessionResource } from '../../api/sessions.ts'
import type { token } from '../../api/tokens.ts'
import { rfc3339 } from '../../base/clock.ts'
import { loadOf } from '../../policy/overload.ts'
import type { AuditRecord } from '../../store/audit.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { DeviceRecord } from '../../store/device-record.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { SessionRecord } from '../../store/session-record.ts'
import type { Repositories } from '../../store/store.ts'
import type { TokenRecord } from '../../store/tokens.ts'
import { awayBriefly } from './away.ts'
import type { LivePresence, RestDeps } from './deps.ts'

export type PresentReader = Pick<Repositories, 'objects' | 'passwords'>

/** @param presence Where it is read: what is written has no state yet. */
export async function objectResource(
  tx: PresentReader,
  stored: StoredObject,
  presence?: Pick<LivePresence, 'edge' | 'edgeNotes'>,
): Promise<object> {
  return (await objectResources(tx, [stored], presence))[0]!
}

/** As objectResource, of some hundred: what they refer to is looked up for all of them together. */
export async function objectResources(
  tx: PresentReader,
  some: readonly StoredObject[],
  presence?: Pick<LivePresence, 'edge' | 'edgeNotes'>,
): Promise<object[]> {
  const names = await tx.objects.namesOf(some)
  const users = some.flatMap(({ kind, id }) => (kind === 'user' ? id : []))
  const withPassword = await tx.passwords.having(users)
  return some.map((stored, at) => ({
    kind: stored.kind,
    ...envelope(stored),
    ...stored.spec,
    names: names[at],
    ...(stored.kind === 'edge' && presence ? edgeNow(stored.id, presence) : {}),
    ...(stored.kind === 'user' ? { hasPassword: withPassword.has(stored.id) } : {}),
  }))
}

function edgeNow(id: string, presence: Pick<LivePresence, 'edge' | 'edgeNotes'>) {
  const notes = presence.edgeNotes(id)
  return { state: presence.edge(id), ...(notes.length > 0 && { notes: [...notes] }) }
}

export function envelope(record: {
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

/** Names of those of them that there are, by id, to be picked from for each. */
export async function namesFor(
  tx: PresentReader,
  ids: Iterable<string>,
): Promise<(ids: readonly string[]) => Record<string, string>> {
  const names = await tx.objects.namesByIds(ids)
  return (some) => {
    const found: Record<string, string> = {}
    for (const id of some) if (names.has(id)) found[id] = names.get(id)!
    return found
  }
}

export function identity(record: ConnectorRecord | DeviceRecord) {
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

export type PresentNow = Pick<RestDeps, 'presence' | 'clock'>

export async function connectorResources(
  tx: PresentReader,
  records: readonly ConnectorRecord[],
  { presence, clock }: PresentNow,
): Promise<z.infer<typeof connector>[]> {
  const nowMs = clock.nowMs()
  const all = records.map((record) => {
    const live = presence.connector(record.id)
    const mentions = [record.groupId, ...(live?.sessionsBy ?? []).map(({ segment }) => segment)]
    return { record, live, mentions }
  })
  const names = await namesFor(
    tx,
    all.flatMap(({ mentions }) => mentions),
  )
  return all.map(({ record, live, mentions }) => ({
    kind: 'connector',
    ...identity(record),
    group: record.groupId,
    names: names(mentions),
    state: record.enabled ? (live?.state ?? 'disconnected') : 'disabled',
    away:
      record.enabled && live !== undefined
        ? undefined
        : awayBriefly({ nowMs, connector: record, absence: presence.absence(record.id) }),
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
      notes: live.notes && [...live.notes],
      edge: live.edge,
      edges: [...live.edgesSeen],
      clockSkewMs: live.skewMs,
      failing: live.failing.slice(0, MAX_FAILING).flatMap(({ host, port, fault }) => {
        const { code, hop, detail } = fault ?? {}
        return code === undefined || hop === undefined ? [] : { host, port, code, hop, detail: detail ?? '' }
      }),
    },
  }))
}

/** In lists and views; the health of each segment names all of its own. */
const MAX_FAILING = 5

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
    attempts,
    ...rest
  } = record
  return {
    kind: 'session',
    ...rest,
    attempts: attempts?.map(attemptResource),
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

function attemptResource(attempt: SessionRecord): NonNullable<SessionResource['attempts']>[number] {
  const { id, connector, connectorName, edge, startedMs, endedMs, closeReason, closeHop, closeDetail } =
    attempt
  const times = { startedAt: rfc3339(startedMs), endedAt: at(endedMs) }
  return { id, connector, connectorName, edge, ...times, closeReason, closeHop, closeDetail }
}

export function auditResource(record: AuditRecord): z.infer<typeof auditRecord> {
  const { timeMs, detail, ...rest } = record
  return { kind: 'audit', at: rfc3339(timeMs), ...rest, detail: detail as Record<string, unknown> }
}

export function tokenResource(record: TokenRecord): z.infer<typeof token> {
  return {
    kind: 'token',
    ...envelope(record),
    role: record.role as TokenRole,
    expiresAt: at(record.expiresMs),
    lastUsedAt: at(record.lastUsedMs),
  }
}
