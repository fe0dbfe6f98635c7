/**
 * What a server and its two parts tell each other: over the channel that node gives a child process.
 *
 * @module
 */
import type { Parting } from '../../base/parting.ts'
import type { FaultMessage } from '../../wire/control.ts'
import type { ServerOptions } from './options.ts'

export type Order =
  | { readonly do: 'start'; readonly options: ServerOptions }
  /** To the control plane: where agents come from now on. */
  | { readonly do: 'edge-listens'; readonly port: number }
  /** To the edge: no new pipes, and word when the open ones have ended. */
  | { readonly do: 'drain'; readonly deadlineMs: number }
  /** In good order; why, where it is known. */
  | { readonly do: 'stop'; readonly parting?: Parting }

export type PartReport =
  /** The control plane takes what the edge passes on. */
  | { readonly is: 'open' }
  /** The edge takes agents and people. */
  | { readonly is: 'listening'; readonly port: number }
  /** Both do, and the first token and the context file are written. */
  | { readonly is: 'ready'; readonly facts: ServerFacts }
  | { readonly is: 'drained' }
  /** It ends now, and why. */
  | { readonly is: 'failed'; readonly fault: FaultMessage }

/** What a server says of itself when it starts. */
export type ServerFacts = Readonly<Record<string, string>>
