/** What the bench and its process of agents say to each other. */
import type { Credentials } from '../../../src/link/dial/credentials.ts'
import type { ControlMessage } from '../../../src/wire/control.ts'

export type Heard = ControlMessage['type']

/** One agent: a client asks for what is behind `wants`, and holds the grant. */
export interface AgentSpec {
  readonly credentials: Credentials
  readonly wants?: string
}

export type ToAgents =
  | { readonly is: 'connect'; readonly port: number; readonly agents: readonly AgentSpec[] }
  /** Tell when each of these has heard a message of this type; what was heard before does not count. */
  | { readonly is: 'expect'; readonly type: Heard; readonly agents: readonly string[] }

export type FromAgents =
  /** All are up. Connectors that clients were granted, by id of the client. */
  | {
      readonly is: 'up'
      readonly granted: Readonly<Record<string, string>>
      readonly failed: readonly string[]
    }
  | { readonly is: 'expecting' }
  /** The last has heard it, by the clock of the machine. */
  | { readonly is: 'heard'; readonly atMs: number }

/** The same in both processes, finer than milliseconds. */
export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
