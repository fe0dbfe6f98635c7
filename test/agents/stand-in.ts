/**
 * What an agent meets where a control plane would be: a real edge and a real front, and behind it a test that decides what
 * each connection is told. Enough for what all agents have, nothing of what a role is for.
 *
 * @module
 */
import type { ControlEnd } from '../../src/link/control/control-ends.ts'
import { TestTenant } from '../../src/link/dial/tenant.fixture.ts'
import type { AgentRole } from '../../src/pki/identity.ts'
import type { Peer } from '../../src/pki/verify.ts'
import type { AgentMessage, HelloMessage } from '../../src/wire/control.ts'
import { until } from '../client-site.ts'
import { EDGE_ID, openTestEdge } from '../edge/fixture.ts'

/** One connection of the agent, from its hello on. */
export interface Arrival {
  readonly hello: HelloMessage
  readonly channel: ControlEnd
  readonly peer: Peer
  /** What it said since. */
  readonly told: AgentMessage[]
}

export interface StandIn extends AsyncDisposable {
  readonly tenant: TestTenant
  readonly edge: { readonly host: string; readonly port: number }
  readonly arrivals: readonly Arrival[]
  /** Called for each, in place of a welcome. */
  instead: ((arrival: Arrival) => void) | undefined
  /** Called for each message after the hello. */
  onTold: (message: AgentMessage, arrival: Arrival) => void
  /** The n-th connection, counted from 0, as soon as it is welcomed. */
  arrival(n: number): Promise<Arrival>
}

export async function openStandIn(role: AgentRole): Promise<StandIn> {
  const tenant = await TestTenant.create()
  const keys = role === 'client' ? undefined : await tenant.keySet(role === 'edge' ? 'ticket' : 'grant')
  const arrivals: Arrival[] = []
  const attach = (channel: ControlEnd, peer: Peer) => {
    let arrival: Arrival | undefined
    channel.onMessage = (message) => {
      if (arrival !== undefined) {
        arrival.told.push(message)
        standIn.onTold(message, arrival)
        return
      }
      if (message.type !== 'hello') throw new Error(`a ${message.type} came before the hello`)
      arrival = { hello: message, channel, peer, told: [] }
      arrivals.push(arrival)
      if (standIn.instead !== undefined) return standIn.instead(arrival)
      channel.send({
        ...{ type: 'welcome', agent: peer.identity.id, tenant: tenant.id, serverTimeMs: Date.now() },
        ...{ edge: { id: EDGE_ID, host: '127.0.0.1', port: 1 }, keys, revoked: [] },
      })
    }
  }
  const open = await openTestEdge({ tenant, backend: { attach, admitsEdge: () => true } })
  const standIn: StandIn = {
    tenant,
    edge: { host: '127.0.0.1', port: open.address.port },
    arrivals,
    instead: undefined,
    onTold() {},
    async arrival(n) {
      await until(() => arrivals.length > n)
      return arrivals[n]!
    },
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  }
  return standIn
}
