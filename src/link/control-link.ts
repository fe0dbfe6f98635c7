import { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { AgentMessage, ControlMessage } from '../wire/control.ts'
import type { AgentChannel } from './control-channel.ts'
import type { Credentials, EdgeAddress } from './credentials.ts'
import type { Egress } from './egress.ts'

export type Hello = Extract<AgentMessage, { type: 'hello' }>
export type Welcome = Extract<ControlMessage, { type: 'welcome' }>

/**
 * The life of the control connection of an agent.
 *
 *     dialing --welcome--> up --lost--> waiting --backoff--> dialing ...
 *        |                                 ^                              aborted: closed
 *        +--------------failed-------------+
 */
export type LinkState =
  | { readonly is: 'dialing'; readonly attempt: number }
  | {
      readonly is: 'up'
      readonly channel: AgentChannel
      readonly welcome: Welcome
      readonly sinceMs: number
      readonly skewMs: number
    }
  | { readonly is: 'waiting'; readonly attempt: number; readonly because: Fault }
  | { readonly is: 'closed' }

export interface ControlLinkOptions {
  readonly edge: EdgeAddress
  readonly egress: Egress
  readonly log: Log
  /** Asked at every dial, so that a renewed certificate is used from the next one on. */
  readonly credentials: () => Credentials
  readonly hello: () => Hello
  /** The full state: replaces what was known before. `skewMs` is positive when this clock is slow. */
  readonly onUp?: (welcome: Welcome, skewMs: number) => void
  readonly onDown?: (fault: Fault) => void
  readonly onMessage?: (message: ControlMessage) => void
}

/** Keeps one control connection up for as long as it is served. */
export class ControlLink {
  constructor(_options: ControlLinkOptions) {}

  get state(): LinkState {
    return { is: 'closed' }
  }

  /** @returns false when there is no connection now. */
  send(_message: AgentMessage): boolean {
    return false
  }

  /** @throws {Fault} CONTROL_UNREACHABLE at once when there is no connection now. */
  async request(_message: AgentMessage & { id: string }, _timeoutMs: number): Promise<ControlMessage> {
    throw new Fault('INTERNAL', 'not built')
  }

  /** Drops the connection and dials anew at once: a renewed certificate, a changed network. */
  redial(): void {}

  /** Dials, and dials again, until `signal` aborts. Never rejects for a fault of the network. */
  async serve(_signal: AbortSignal): Promise<void> {
    throw new Fault('INTERNAL', 'not built')
  }
}
