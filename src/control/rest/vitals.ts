/** How connectors and segments are doing: figures, timelines, and what was lately reached. */
import type { z } from 'zod'
import { connectorHistory, type connectorVitals, segmentHealth as healthSchema } from '../../api/vitals.ts'
import { rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import { flappingText } from '../../policy/flapping.ts'
import { loadOf } from '../../policy/overload.ts'
import { selectConnector } from '../../policy/select.ts'
import { type Spare, spareOf } from '../../policy/spare.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { LivePresence, RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { byId, operation } from './route.ts'
import { memberHealth, segmentHealth } from './segment-health.ts'

export function vitalsRoutes(app: RestApp, deps: RestDeps): void {
  const { store, presence } = deps
  operation(
    app,
    {
      tag: 'connectors',
      path: '/api/v1/connectors/{id}/history',
      params: byId,
      method: 'get',
      id: 'getConnectorHistory',
      summary: 'Metrics of a connector over the last five minutes',
      needs: 'read',
      gives: { status: 200, schema: connectorHistory },
    },
    async (c, { params }) => {
      const { id } = await store.connectors.get(params.id)
      const samples = presence.vitals.history(id).map(({ atMs, ...rest }) => ({ at: rfc3339(atMs), ...rest }))
      return c.json({ connector: id, samples })
    },
  )

  operation(
    app,
    {
      tag: 'segments',
      path: '/api/v1/segments/{id}/health',
      params: byId,
      method: 'get',
      id: 'getSegmentHealth',
      summary: 'What connectors have recently seen of the applications of a segment; unknown is not a fault',
      needs: 'read',
      gives: { status: 200, schema: healthSchema },
    },
    async (c, { params }) => c.json(await healthOf(deps, params.id)),
  )
}

async function healthOf(deps: RestDeps, idOrName: string): Promise<z.infer<typeof healthSchema>> {
  const { store, presence } = deps
  const found = await store.objects.find('segment', idOrName)
  if (found === undefined) throw new Fault('NOT_FOUND', `no segment "${idOrName}"`)
  const policy = await deps.policy()
  const segment = policy.destinations.byId(found.id)!
  const groups = policy.connectorGroupsOf(segment)
  const failover = policy.failoverGroupsOf(segment)
  const candidates = presence.vitals
    .candidates(policy, groups)
    .map((one) => ({ ...one, failover: failover.includes(one.group) }))
  const out = new Map(selectConnector(candidates).excluded.map(({ id, because }) => [id, because]))
  const members = candidates.map(({ id, name, group, state }) => {
    const told = state === 'disconnected' ? [] : presence.vitals.told(segment.id, id)
    return { id, name, group, out: out.get(id), ...memberHealth(told) }
  })
  const usedMs = presence.vitals.usedMs(segment.id)
  const lastUsedAt = usedMs === undefined ? undefined : rfc3339(usedMs)
  return {
    segment: segment.id,
    mode: segment.health,
    ...segmentHealth(segment.health, members, lastUsedAt),
    lastUsedAt,
    groups: groups.map((id) => ({
      id,
      tier: failover.includes(id) ? ('failover' as const) : ('native' as const),
      spare: spareAmong(policy.members([id]), presence),
    })),
    connectors: members.map(({ applications, ...member }) => ({
      ...member,
      applications: applications.map(({ atMs, ...rest }) => ({ at: rfc3339(atMs), ...rest })),
    })),
  }
}

/** Beside what the connector says of itself: when it came and went, and what its group could bear. */
export async function vitalsOf(
  store: RestDeps['store'],
  record: ConnectorRecord,
  presence: LivePresence,
): Promise<z.infer<typeof connectorVitals>> {
  const { vitals } = presence
  const flapping = vitals.flapping(record.id)
  const members = await store.connectors.ofGroup(record.groupId)
  return {
    // What ends late is told late: the connection that was replaced, behind the one that took its place.
    timeline: [...vitals.passages(record.id)]
      .sort((a, b) => a.atMs - b.atMs)
      .map(({ atMs, ...rest }) => ({ at: rfc3339(atMs), ...rest })),
    flapping: flapping && faultToMessage(new Fault('FLAPPING', flappingText(flapping))),
    spare: spareAmong(members, presence),
  }
}

function spareAmong(members: readonly ConnectorRecord[], presence: LivePresence): Spare {
  return spareOf(
    members.map(({ id, name, enabled }) => {
      const live = presence.connector(id)
      const serves = enabled && live !== undefined && live.state !== 'draining'
      return { name, serves, load: live?.figures === undefined ? 0 : loadOf(live.figures) }
    }),
  )
}
