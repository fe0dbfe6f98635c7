import type { Clock } from '../../base/clock.ts'
import { asFault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { IssuedGrant } from '../../store/revocations.ts'
import type { Store } from '../../store/store.ts'
import type { PolicySnapshot } from '../snapshot.ts'
import { permit } from './authorize.ts'
import { CLIENT_KIND } from './clients.ts'
import type { LiveGrants } from './live-grants.ts'
import type { Presence } from './presence.ts'

export interface ReevaluateDeps {
  readonly store: Store
  readonly presence: Presence
  readonly live: LiveGrants
  readonly policy: () => Promise<PolicySnapshot>
  readonly clock: Clock
  readonly log: Log
}

/**
 * Asks policy again about every grant that lives, and revokes those it would not give today: at once when
 * something changed, and every so often because conditions such as time change by themselves. Connectors cut
 * the sessions that rest on them.
 */
export async function reevaluate(deps: ReevaluateDeps): Promise<void> {
  const { store, live, clock, log } = deps
  const policy = await deps.policy()
  const ended: { grant: IssuedGrant; why: string }[] = []
  for (const grant of live.at(clock.nowMs())) {
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
    log.warn(
      { event: 'grant.revoked', grantId: grant.id, user: grant.userId, host: grant.host, why },
      `grant to ${grant.host} revoked: ${why}`,
    )
  }
  tell(deps, ended)
}

/** Why the grant would not be given now, or undefined. */
async function objection(
  deps: ReevaluateDeps,
  policy: PolicySnapshot,
  grant: IssuedGrant,
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
  const port = segment.tcp[0]?.[0]
  const reported = [...deps.presence.clients(grant.deviceId)][0]?.posture ?? {}
  try {
    const permitted = permit(policy, {
      user: grant.userId,
      device: grant.deviceId,
      posture: { ...reported, ...device.posture },
      clientKind: CLIENT_KIND,
      host: grant.host,
      port: port ?? segment.udp[0]![0],
      protocol: port === undefined ? 'udp' : 'tcp',
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

/** Connectors cut, clients forget. Whoever is away learns it with the next welcome. */
function tell(deps: ReevaluateDeps, ended: readonly { grant: IssuedGrant; why: string }[]): void {
  const byAgent = new Map<string, { grants: string[]; why: string }>()
  for (const { grant, why } of ended) {
    for (const agent of [grant.connectorId, grant.deviceId]) {
      const entry = byAgent.get(agent) ?? { grants: [], why }
      entry.grants.push(grant.id)
      byAgent.set(agent, entry)
    }
  }
  for (const [agent, { grants, why }] of byAgent) {
    const message = { type: 'revoke' as const, grants, detail: why.slice(0, 256) }
    deps.presence.connector(agent)?.channel.send(message)
    for (const client of deps.presence.clients(agent)) client.channel.send(message)
  }
}
