import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { candidatesOf } from '../access/candidates.ts'
import type { RefusedKeys } from '../agents/refused-keys.ts'
import type { Departures } from '../presence/departures.ts'
import type { Diagnoses } from '../presence/diagnoses.ts'
import type { Edges } from '../presence/edges.ts'
import type { Connected, Presence } from '../presence/presence.ts'
import type { Probing } from '../presence/probing.ts'
import type { VitalsOfConnectors } from '../presence/vitals.ts'
import type { LiveDevice, LivePresence } from './deps.ts'

export interface LivePresenceDeps {
  readonly presence: Presence
  readonly departures: Departures
  readonly deviceDepartures: Departures
  readonly refusedKeys: RefusedKeys
  readonly diagnoses: Diagnoses
  readonly edges: Edges
  readonly vitals: VitalsOfConnectors
  readonly probing: Probing
  readonly clock: Clock
}

/** What the API may know of who is connected. */
export function livePresence(deps: LivePresenceDeps): LivePresence {
  const { presence, departures, deviceDepartures, refusedKeys, diagnoses, edges } = deps
  return {
    connector(id) {
      const connected = presence.connector(id)
      return (
        connected && {
          ...connected,
          ...edges.namesFor(connected),
          connectedMs: connected.sinceMs,
          address: connected.from,
          failing: presence.applications.failingOf(id),
        }
      )
    },
    device: (id) => [...presence.clients(id)].map(liveDevice),
    edge: (id) => edges.stateOf(id),
    edgeNotes: (id) => edges.notesOf(id),
    absence: (id) => ({ ...departures.of(id), ...deviceDepartures.of(id) }),
    neighbours: (address) => countFrom(presence, address),
    keyRefusal: (id) => refusedKeys.of(id),
    vitals: liveVitals(deps),
    async diagnose(id, app, o) {
      const connected = presence.connector(id)
      if (connected === undefined) throw new Fault('CONNECTOR_DISCONNECTED', `${id} is not connected`)
      return diagnoses.ask(connected, app, o)
    },
  }
}

function countFrom(presence: Presence, address: string): number {
  const ids = new Set<string>()
  for (const all of [presence.allClients(), presence.connectors()])
    for (const { from, peer } of all) if (from === address) ids.add(peer.identity.id)
  return ids.size
}

function liveDevice({ sinceMs, from, skewMs, hostName, program }: Connected): LiveDevice {
  return { connectedMs: sinceMs, address: from, skewMs, host: hostName, program }
}

function liveVitals({ presence, vitals, probing, clock }: LivePresenceDeps): LivePresence['vitals'] {
  return {
    history: (id) => vitals.history(id),
    passages: (id) => vitals.passages(id),
    flapping: (id) => vitals.flapping(id),
    told: (segment, id) => presence.applications.of(segment, id, clock.nowMs()),
    toldBy: (id) => presence.applications.toldBy(id, clock.nowMs()),
    usedMs: (segment) => probing.usedMs(segment),
    candidates: (policy, groups) => candidatesOf(policy, presence, groups, { nowMs: clock.nowMs() }),
  }
}
