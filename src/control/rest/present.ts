/** Records of the store as the API gives them. */
import type { z } from 'zod'
import type { clientDevice } from '../../api/client-devices.ts'
import type { auditRecord, connector, SessionResource, token } from '../../api/records.ts'
import type { Role } from '../../api/roles.ts'
import type { signIn } from '../../api/sign-ins.ts'
import { rfc3339 } from '../../base/clock.ts'
import { loadOf } from '../../policy/overload.ts'
import type { AuditRecord } from '../../store/audit.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { DeviceRecord } from '../../store/devices.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { SessionRecord } from '../../store/session-record.ts'
import { SIGN_IN_ENDS, type SignInRecord } from '../../store/sign-ins.ts'
import type { Repositories, Store } from '../../store/store.ts'
import type { TokenRecord } from '../../store/tokens.ts'
import { awayBriefly } from '../away.ts'
import type { LivePresence, RestDeps } from './deps.ts'

export type Reader = Pick<Repositories, 'objects' | 'passwords'>

/** @param presence Where it is read: what is written has no state yet. */
export async function objectResource(
  tx: Reader,
  stored: StoredObject,
  presence?: Pick<LivePresence, 'edge'>,
): Promise<object> {
  return (await objectResources(tx, [stored], presence))[0]!
}

/** As objectResource, of some hundred: what they refer to is looked up for all of them together. */
export async function objectResources(
  tx: Reader,
  some: readonly StoredObject[],
  presence?: Pick<LivePresence, 'edge'>,
): Promise<object[]> {
  const names = await tx.objects.namesOf(some)
  const users = some.flatMap(({ kind, id }) => (kind === 'user' ? id : []))
  const withPassword = await tx.passwords.having(users)
  return some.map((stored, at) => ({
    kind: stored.kind,
    ...envelope(stored),
    ...stored.spec,
    names: names[at],
    ...(stored.kind === 'edge' && presence ? { state: presence.edge(stored.id) } : {}),
    ...(stored.kind === 'user' ? { hasPassword: withPassword.has(stored.id) } : {}),
  }))
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
  tx: Reader,
  ids: Iterable<string>,
): Promise<(ids: readonly string[]) => Record<string, string>> {
  const names = await tx.objects.namesByIds(ids)
  return (some) => {
    const found: Record<string, string> = {}
    for (const id of some) if (names.has(id)) found[id] = names.get(id)!
    return found
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

type PresentNow = Pick<RestDeps, 'presence' | 'clock'>

export async function connectorResource(
  tx: Reader,
  record: ConnectorRecord,
  now: PresentNow,
): Promise<z.infer<typeof connector>> {
  return (await connectorResources(tx, [record], now))[0]!
}

export async function connectorResources(
  tx: Reader,
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

export async function deviceResource(
  tx: Reader,
  record: DeviceRecord,
  presence: LivePresence,
): Promise<z.infer<typeof clientDevice>> {
  return (await deviceResources(tx, [record], presence))[0]!
}

export async function deviceResources(
  tx: Reader,
  records: readonly DeviceRecord[],
  presence: LivePresence,
): Promise<z.infer<typeof clientDevice>[]> {
  const names = await namesFor(
    tx,
    records.map(({ userId }) => userId),
  )
  return records.map((record) => {
    const connected = presence.device(record.id).length > 0 ? 'connected' : 'disconnected'
    return {
      kind: 'client-device',
      ...identity(record),
      user: record.userId,
      names: names([record.userId]),
      state: record.enabled ? connected : 'disabled',
      posture: record.posture,
      reportedPosture: record.reportedPosture,
      assignedPosture: record.assignedPosture,
      signIn: record.signIn && signInResource(record.signIn),
    }
  })
}

/** What is not in lists: who signed in on it, and where it is now. */
export async function deviceDetails(
  { signIns, sessions }: Pick<Store, 'signIns' | 'sessions'>,
  { id }: DeviceRecord,
  presence: LivePresence,
): Promise<Pick<z.infer<typeof clientDevice>, 'signIns' | 'connections' | 'refused' | 'sessionsShed'>> {
  const { refused } = presence.absence(id)
  const sessionsShed = sessions.allowance.shedOf(id)
  return {
    signIns: (await signIns.ofDevice(id)).map(signInResource),
    connections: presence.device(id).map(({ connectedMs, skewMs, ...one }) => ({
      connectedAt: rfc3339(connectedMs),
      clockSkewMs: skewMs,
      ...one,
    })),
    refused: refused && {
      ...{ at: rfc3339(refused.atMs), address: refused.address, times: refused.times },
      ...{ code: refused.fault.code, detail: refused.fault.detail },
    },
    sessionsShed: sessionsShed === 0 ? undefined : sessionsShed,
  }
}

function signInResource({
  id,
  atMs,
  from,
  endMs,
  ended,
}: Pick<SignInRecord, 'id' | 'atMs' | 'from' | 'endMs' | 'ended'>): z.infer<typeof signIn> {
  return {
    ...{ id, at: rfc3339(atMs), from, endsAt: rfc3339(endMs) },
    ended: ended && { at: rfc3339(ended.atMs), because: SIGN_IN_ENDS[ended.because], by: ended.by },
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
    role: record.role as Role,
    expiresAt: at(record.expiresMs),
    lastUsedAt: at(record.lastUsedMs),
  }
}
