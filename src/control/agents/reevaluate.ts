import type { Clock } from '../../base/clock.ts'
import { asFault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import type { IssuedGrant } from '../../store/revocations.ts'
import type { Store } from '../../store/store.ts'
import type { ControlMessage } from '../../wire/control.ts'
import type { PolicySnapshot } from '../snapshot.ts'
import { permit } from './authorize.ts'
import { CLIENT_KIND } from './clients.ts'
import type { Carried, LiveGrants } from './live-grants.ts'
import type { Presence } from './presence.ts'

export interface ReevaluateDeps {
  readonly store: Store
  readonly presence: Presence
  readonly live: LiveGrants
  readonly policy: () => Promise<PolicySnapshot>
  readonly clock: Clock
  readonly log: Log
}

/** A grant to be asked about: as it was given out, or with a port that a session has which rests on it. */
interface Standing extends Omit<IssuedGrant, 'ruleId'> {
  readonly carries?: { readonly protocol: 'tcp' | 'udp'; readonly port: number }
}

/** As many ids fit in a message with room to spare. */
const REVOKE_IDS = 4000

/**
 * Asks policy again about every grant that sessions may rest on, and revokes those it would not give today: at
 * once when something changed, and every so often because conditions such as time change by themselves.
 * Connectors cut the sessions that rest on them.
 */
export async function reevaluate(deps: ReevaluateDeps): Promise<void> {
  const { store, live, clock, log } = deps
  const policy = await deps.policy()
  const nowMs = clock.nowMs()
  const ended: { grant: Standing; why: string }[] = []
  for (const grant of [...live.at(nowMs), ...live.carriedAt(nowMs).map((entry) => standing(entry, nowMs))]) {
    const why = await objection(deps, policy, grant)
    if (why !== undefined) ended.push({ grant, why })
  }
  if (ended.length === 0) return
  await store.transaction(async (tx) => {
    for (const { grant, why } of ended) {
      await tx.revocations.revokeGrants([grant.id], { reason: why, expiresMs: grant.expiresMs })
      await tx.audit.append({
        actor: 'policy',
        action: 'grant.revoke',
        object: `grant ${grant.id}`,
        detail: {
          host: grant.host,
          user: grant.userId,
          device: grant.deviceId,
          connector: grant.connectorId,
          why,
        },
      })
    }
  })
  for (const { grant, why } of ended) {
    live.remove(grant.id)
    live.dropCarried(grant.connectorId, grant.id)
    log.warn(
      { event: 'grant.revoked', grantId: grant.id, user: grant.userId, host: grant.host, why },
      `grant to ${grant.host} revoked: ${why}`,
    )
  }
  tell(deps, ended)
}

function standing(
  { grant, user, device, segment, host, connector, protocol, port }: Carried,
  nowMs: number,
): Standing {
  const of = { deviceId: device, userId: user, segmentId: segment, connectorId: connector }
  return { id: grant, ...of, host, expiresMs: nowMs, carries: { protocol, port } }
}

/** Why the grant would not be given now, or undefined. */
async function objection(
  deps: ReevaluateDeps,
  policy: PolicySnapshot,
  grant: Standing,
): Promise<string | undefined> {
  const device = await deps.store.devices.byId(grant.deviceId)
  if (device === undefined || !device.enabled) return `device ${grant.deviceId} is disabled or deleted`
  if (device.userId !== grant.userId) return `device ${grant.deviceId} has another user now`
  const segment = policy.segments.find((one) => one.id === grant.segmentId)
  if (segment === undefined || !segment.enabled) return 'its segment is disabled or deleted'
  const connector = policy
    .members(policy.connectorGroupsOf(segment))
    .find((one) => one.id === grant.connectorId)
  if (connector === undefined || !connector.enabled)
    return 'its connector does not serve the segment any more'
  if (grant.ports !== undefined && losesPorts(grant.ports, segment)) return 'its segment has lost ports'
  const reported = [...deps.presence.clients(grant.deviceId)][0]?.posture ?? {}
  try {
    const permitted = permit(policy, {
      user: grant.userId,
      device: grant.deviceId,
      posture: { ...reported, ...device.posture },
      clientKind: CLIENT_KIND,
      host: grant.host,
      ...(grant.carries ?? anyPort(segment)),
      nowMs: deps.clock.nowMs(),
    })
    return permitted.segment.id === grant.segmentId
      ? undefined
      : `${grant.host} belongs to another segment now`
  } catch (error) {
    const fault = asFault(error)
    return `${fault.code}: ${fault.detail}`
  }
}

function losesPorts(had: NonNullable<IssuedGrant['ports']>, has: PolicySegment): boolean {
  return (['tcp', 'udp'] as const).some((protocol) =>
    had[protocol].some(([from, to]) => !has[protocol].some(([first, last]) => first <= from && to <= last)),
  )
}

function anyPort({ tcp, udp }: PolicySegment): NonNullable<Standing['carries']> {
  const port = tcp[0]?.[0]
  return port === undefined ? { protocol: 'udp', port: udp[0]![0] } : { protocol: 'tcp', port }
}

/** Connectors cut, clients forget. Whoever is away learns it with the next welcome. */
function tell(deps: ReevaluateDeps, ended: readonly { grant: Standing; why: string }[]): void {
  const byAgent = new Map<string, { grants: string[]; why: string }>()
  for (const { grant, why } of ended) {
    for (const agent of [grant.connectorId, grant.deviceId]) {
      const entry = byAgent.get(agent) ?? { grants: [], why }
      entry.grants.push(grant.id)
      byAgent.set(agent, entry)
    }
  }
  for (const [agent, { grants, why }] of byAgent) {
    const agents = [deps.presence.connector(agent), ...deps.presence.clients(agent)]
    for (const message of revocation(grants, why)) for (const one of agents) one?.channel.send(message)
  }
}

/** However many there are, in messages that are not too long. */
export function revocation(
  ids: readonly string[],
  why: string,
): Extract<ControlMessage, { type: 'revoke' }>[] {
  const grants = [...new Set(ids)]
  const count = Math.ceil(grants.length / REVOKE_IDS)
  return Array.from({ length: count }, (_, at) => ({
    type: 'revoke',
    grants: grants.slice(at * REVOKE_IDS, (at + 1) * REVOKE_IDS),
    detail: why.slice(0, 256),
  }))
}
