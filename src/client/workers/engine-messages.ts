/**
 * What a client and a process that carries sessions for it tell each other: over the channel that node gives a child
 * process. Both are one program, started together, so nothing is validated.
 *
 * @module
 */
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import type { AgentMessage, ControlMessage, FaultMessage } from '../../wire/control.ts'
import type { CameBy } from '../entry/elsewhere.ts'
import type { Covered } from '../entry/pac.ts'
import type { EngineDetails, EngineFigures } from './engine-status.ts'
import type { EngineWelcome } from './session-engine.ts'
import type { ProcessLoad } from './spill.ts'

/** What is known of the control connection. */
export interface ToldUplink {
  readonly isUp: boolean
  readonly skewMs: number
  readonly user?: string
  readonly credentials?: Credentials
  /** Why there are no credentials. */
  readonly refusal?: FaultMessage
}

export type EngineOrder =
  | {
      readonly do: 'start'
      /** Which one it is, from 1. */
      readonly worker: number
      readonly run: string
      readonly tunnelsPerConnector: number
      readonly egress: Egress
      /** Where its session records wait. */
      readonly records: string
      readonly uplink: ToldUplink
      readonly welcome: EngineWelcome | undefined
      readonly covered: Covered
    }
  | { readonly do: 'uplink'; readonly uplink: ToldUplink }
  | { readonly do: 'welcome'; readonly welcome: EngineWelcome; readonly covered: Covered }
  /** Control has told this, which is about sessions. */
  | { readonly do: 'message'; readonly message: ControlMessage }
  | { readonly do: 'answer'; readonly id: number; readonly answer: Answer }
  /** With a connection of a program, of which nothing has been read. */
  | { readonly do: 'serve'; readonly id: number; readonly came: CameBy }
  | { readonly do: 'renewed' }
  | { readonly do: 'draining'; readonly edge: string }
  | { readonly do: 'details' }
  /** What the whole client counts, for whoever asks the local proxy. */
  | { readonly do: 'metrics'; readonly text: string }
  | { readonly do: 'stop' }

export type Answer =
  | { readonly message: ControlMessage }
  | { readonly fault: FaultMessage }
  | { readonly is: boolean }

/** What a worker asks the client. */
export type Question =
  | { readonly ask: 'control'; readonly message: AgentMessage & { id: string }; readonly timeoutMs: number }
  | { readonly ask: 'edge-lost'; readonly edge: string; readonly fault: FaultMessage }

export type EngineReport =
  | { readonly is: 'question'; readonly id: number; readonly question: Question }
  /** These connections are over. */
  | { readonly is: 'over'; readonly ids: readonly number[] }
  | { readonly is: 'load'; readonly load: ProcessLoad; readonly figures: EngineFigures }
  | { readonly is: 'details'; readonly details: EngineDetails; readonly figures: EngineFigures }
