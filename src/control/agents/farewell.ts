import type { Clock } from '../../base/clock.ts'
import type { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { Peer } from '../../pki/verify.ts'
import { partingText } from '../../policy/parting-text.ts'
import type { Store } from '../../store/store.ts'
import type { Departures } from '../presence/departures.ts'
import type { EdgeUpdates } from '../presence/edge-updates.ts'
import { lossOf, lossText, lostBy } from '../presence/loss.ts'
import type { Connected, Presence } from '../presence/presence.ts'
import type { VitalsOfConnectors } from '../presence/vitals.ts'

export interface FarewellDeps {
  readonly store: Pick<Store, 'connectors' | 'devices' | 'edges'>
  readonly presence: Presence
  readonly departures: Departures
  readonly deviceDepartures: Departures
  readonly vitals: VitalsOfConnectors
  readonly news: EdgeUpdates
  readonly clock: Clock
  readonly log: Log
}

/** It proved who it is, and was not let in. */
export function refused(deps: FarewellDeps, { identity }: Peer, from: string, fault: Fault): void {
  if (identity.role === 'edge') return
  const of = identity.role === 'client' ? deps.deviceDepartures : deps.departures
  of.refused(identity.id, from, fault, deps.clock.nowMs())
}

/** Its connection is over. @param fault None: it said that it goes. */
export function left(deps: FarewellDeps, connected: Connected, fault: Fault | undefined): void {
  const { role, id } = connected.peer.identity
  const code = fault && (role === 'connector' ? lossOf(fault).code : fault.code)
  const lost = fault && lostBy(fault)
  const how = fault === undefined ? partingText(connected.channel.parting) : lossText(fault)
  deps.log.info({ event: 'agent.left', agent: id, code, lost }, `${role} ${id} left: ${how}`)
  if (role === 'edge') deps.news.listChanged()
  if (role === 'connector') connectorLeft(deps, connected, fault && lossOf(fault))
  // A command that comes and goes beside its daemon is nobody's departure.
  if (role === 'client' && deps.presence.clients(id).size === 0)
    deps.deviceDepartures.left(connected, fault, deps.clock.nowMs())
  const { connectors, devices, edges } = deps.store
  const records = role === 'connector' ? connectors : role === 'client' ? devices : edges
  records.seen(id, { address: connected.from, atMs: deps.clock.nowMs() }).catch((error: unknown) => {
    deps.log.warn({ event: 'agent.seen-lost', agent: id, err: error }, 'the time of leaving was not stored')
  })
}

function connectorLeft(
  { departures, vitals, presence, clock }: FarewellDeps,
  connected: Connected,
  fault: Fault | undefined,
): void {
  const { id } = connected.peer.identity
  const atMs = clock.nowMs()
  departures.left(connected, fault, atMs)
  vitals.passed(id, { is: 'disconnected', address: connected.from, code: fault?.code, hop: fault?.hop })
  // The connection that took its place has told anew.
  if (presence.connector(id) === undefined) presence.applications.forget(id)
}
