import { Fault } from '../base/faults.ts'
import { candidatesOf } from './agents/candidates.ts'
import type { Connected } from './agents/presence.ts'
import type { Parts } from './parts.ts'
import type { LiveDevice, LivePresence } from './rest/deps.ts'

/** What the API may know of who is connected. */
export function livePresence(parts: Parts): LivePresence {
  const { presence, departures, deviceDepartures, refusedKeys, diagnoses, edges } = parts
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
    vitals: liveVitals(parts),
    async diagnose(id, app, o) {
      const connected = presence.connector(id)
      if (connected === undefined) throw new Fault('CONNECTOR_DISCONNECTED', `${id} is not connected`)
      return diagnoses.ask(connected, app, o)
    },
  }
}

function countFrom(presence: Parts['presence'], address: string): number {
  const ids = new Set<string>()
  for (const all of [presence.allClients(), presence.connectors()])
    for (const { from, peer } of all) if (from === address) ids.add(peer.identity.id)
  return ids.size
}

function liveDevice({ sinceMs, from, skewMs, hostName, program }: Connected): LiveDevice {
  return { connectedMs: sinceMs, address: from, skewMs, host: hostName, program }
}

function liveVitals({ presence, vitals, probing, clock }: Parts): LivePresence['vitals'] {
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
