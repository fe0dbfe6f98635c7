import type { Clock } from '../../base/clock.ts'
import type { AgentMessage, ControlMessage } from '../../wire/control.ts'
import type { LiveGrants } from './live-grants.ts'
import { type PipeDeps, pipeBetween } from './pipes.ts'
import type { Connected, Presence } from './presence.ts'

type Status = Extract<AgentMessage, { type: 'status' }>
type Reach = Extract<AgentMessage, { type: 'reach' }>
type Carries = Extract<AgentMessage, { type: 'carries' }>
type Canary = Extract<AgentMessage, { type: 'canary' }>

export interface ConnectorDeps extends PipeDeps {
  readonly presence: Presence
  readonly live: LiveGrants
  readonly clock: Clock
}

/** Takes what connectors tell of themselves and of applications. */
export class Connectors {
  readonly #deps: ConnectorDeps

  constructor(deps: ConnectorDeps) {
    this.#deps = deps
  }

  status(connector: Connected, { type: _, rttUs, ...said }: Status): void {
    Object.assign(connector, said, { rttUs: rttUs ?? connector.rttUs })
  }

  reach(connector: Connected, said: Reach): void {
    const failed = said.ok ? undefined : { code: said.fault?.code ?? 'APP_UNREACHABLE' }
    this.#deps.presence.reached(connector.peer.identity.id, said, failed, this.#deps.clock.nowMs())
  }

  /** The next look at policy takes these in. */
  carries(connector: Connected, { ended }: Carries): void {
    this.#deps.live.carry(connector.peer.identity.id, ended, this.#deps.clock.nowMs())
  }

  /** A pipe of the connector with itself: proves the data path without an application. */
  async canary(connector: Connected, asked: Canary): Promise<ControlMessage> {
    const pipe = await pipeBetween(this.#deps, connector, connector, asked.id)
    return { type: 'canary-pipe', id: asked.id, client: pipe.client, connector: pipe.connector }
  }
}
