import type { Clock } from '../../base/clock.ts'
import type { IdentityRole } from '../../pki/identity.ts'
import type { Store } from '../../store/store.ts'
import {
  batches,
  type ControlMessage,
  encodedBytes,
  MAX_MESSAGE_BYTES,
  MAX_REVOKED,
} from '../../wire/control.ts'
import { revocation } from '../access/reevaluate.ts'
import type { KeySets } from '../base/key-sets.ts'
import type { PolicyNow } from '../base/policy-now.ts'
import type { Departures } from '../presence/departures.ts'
import type { EdgeUpdates } from '../presence/edge-updates.ts'
import type { Edges } from '../presence/edges.ts'
import type { Connected } from '../presence/presence.ts'
import type { VitalsOfConnectors } from '../presence/vitals.ts'
import { coversOf } from './covers.ts'
import type { LaneUpdates } from './lanes.ts'

export interface WelcomeDeps {
  readonly store: Store
  readonly tenant: string
  readonly policy: PolicyNow
  readonly grantSets: KeySets
  readonly ticketSets: KeySets
  readonly departures: Departures
  readonly deviceDepartures: Departures
  readonly vitals: VitalsOfConnectors
  readonly edges: Edges
  readonly news: EdgeUpdates
  readonly lanes: LaneUpdates
  readonly clock: Clock
}

/** The welcome, and revocations that it has no room for. */
export async function welcome(deps: WelcomeDeps, connected: Connected): Promise<ControlMessage[]> {
  const { role, id } = connected.peer.identity
  const nowMs = deps.clock.nowMs()
  if (role === 'edge') deps.news.listChanged()
  if (role === 'client') deps.deviceDepartures.here(id)
  if (role === 'connector') {
    deps.departures.back(id)
    deps.vitals.passed(id, { is: 'connected', address: connected.from })
  }
  const group = role === 'connector' ? await groupOf(deps, id) : undefined
  const state: Extract<ControlMessage, { type: 'welcome' }> = {
    type: 'welcome',
    agent: id,
    tenant: deps.tenant,
    serverTimeMs: nowMs,
    edge: deps.edges.via(connected.via),
    edges: role === 'edge' ? undefined : deps.edges.list(),
    region: group?.spec.region,
    group: group?.name,
    keys: keysFor(deps, role),
    revoked: [],
    covers: role === 'client' ? await coversOf(deps, connected) : undefined,
    lanes: role === 'client' ? await deps.lanes.now() : undefined,
  }
  const revoked = await deps.store.revocations.grants(id, nowMs)
  const room = MAX_MESSAGE_BYTES - encodedBytes(state)
  const [first = []] = batches(revoked, { maxBytes: room, maxItems: MAX_REVOKED })
  const more = revocation(revoked.slice(first.length), 'revoked before this connection')
  return [{ ...state, revoked: first }, ...more, ...(role === 'edge' ? deps.news.wholeState() : [])]
}

/** What verifies what such an agent is shown. */
function keysFor({ grantSets, ticketSets }: WelcomeDeps, role: IdentityRole): string | undefined {
  return role === 'connector' ? grantSets.current : role === 'edge' ? ticketSets.current : undefined
}

/** Members of a group share its region. */
async function groupOf({ store }: WelcomeDeps, connector: string) {
  const record = await store.connectors.byId(connector)
  return record && (await store.objects.find('connector-group', record.groupId))
}
