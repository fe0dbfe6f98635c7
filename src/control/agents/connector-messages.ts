import type { Clock } from '../../base/clock.ts'
import type { Store } from '../../store/store.ts'
import type { AgentMessage, CarriesMessage, ControlMessage, StatusMessage } from '../../wire/control.ts'
import type { LiveGrants } from '../access/live-grants.ts'
import { type PipeDeps, pipeBetween } from '../access/pipes.ts'
import { shutOut } from '../presence/admitted.ts'
import type { Connected, Presence } from '../presence/presence.ts'
import type { Probing } from '../presence/probing.ts'
import type { VitalsOfConnectors } from '../presence/vitals.ts'

type Reach = Extract<AgentMessage, { type: 'reach' }>
type CanaryMessage = Extract<AgentMessage, { type: 'canary' }>

export interface ConnectorDeps extends PipeDeps {
  readonly store: Pick<Store, 'connectors' | 'objects'>
  readonly presence: Presence
  readonly live: LiveGrants
  readonly probing: Probing
  readonly vitals: VitalsOfConnectors
  readonly clock: Clock
}

/** Takes what connectors tell of themselves and of applications. */
export class ConnectorMessages {
  readonly #deps: ConnectorDeps

  constructor(deps: ConnectorDeps) {
    this.#deps = deps
  }

  status(connector: Connected, told: StatusMessage): void {
    const { type: _, rttUs, samples: __, overload, leak, notes, ...said } = told
    const { vitals, probing } = this.#deps
    Object.assign(connector, said, { rttUs: rttUs ?? connector.rttUs, overload, leak, notes, given: 0 })
    vitals.told(connector.peer.identity.id, told)
    // Its first word after the welcome, and then often enough to see what is not used any more.
    void probing.refresh([connector])
  }

  reach(connector: Connected, said: Reach): void {
    const { type: _, probe = false, ...what } = said
    const { presence, clock } = this.#deps
    // Its own word on its state comes by the minute; what it does not reach is known now.
    if (!said.ok && connector.state === 'healthy') connector.state = 'degraded'
    presence.applications.tell({
      ...what,
      connector: connector.peer.identity.id,
      probe,
      atMs: clock.nowMs(),
    })
    if (!said.ok || connector.state !== 'degraded') return
    // It reaches this one again: nobody is shown as degraded without an application for a reason.
    const fails = presence.applications.failingOf(connector.peer.identity.id).some(({ ok }) => !ok)
    if (!fails) connector.state = 'healthy'
  }

  /** The next look at policy takes these in. */
  carries(connector: Connected, { ended }: CarriesMessage): void {
    this.#deps.live.carry(connector.peer.identity.id, ended, this.#deps.clock.nowMs())
  }

  /** A pipe of the connector with itself: proves the data path without an application. */
  async canary(connector: Connected, asked: CanaryMessage): Promise<ControlMessage> {
    const pipe = await pipeBetween(this.#deps, connector, connector, asked.id)
    const { identity } = connector.peer
    const record = await this.#deps.store.connectors.byId(identity.id) // last: as it is when the tickets leave
    if (record === undefined || !record.enabled) throw await shutOut(this.#deps.store, identity, record?.name)
    return { type: 'canary-pipe', id: asked.id, client: pipe.client, connector: pipe.connector }
  }
}
