/**
 * What the main process of a connector and one that carries tunnels for it tell each other, over the channel that node
 * gives a child process. Nothing of it comes from outside.
 *
 * @module
 */
import type { SignedKeySet } from '../../agent/identity/known-keys.ts'
import type { FaultCode } from '../../base/faults.ts'
import type { HeldElsewhere } from '../../base/shares.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { Grant } from '../../pki/grant.ts'
import type { FaultMessage } from '../../wire/control.ts'
import type { HalfMode } from '../../wire/handover.ts'
import type { Open } from '../../wire/open.ts'
import type { ConnectorTunnelFacts } from '../sessions/session-record.ts'
import type { TunnelTicket, TunnelWay } from '../tunnels/served-tunnels.ts'

/** Shares that hold for all processes together. */
export const SHARED_POOLS = ['sessions', 'dials', 'udpPorts'] as const
export type SharedPools = Readonly<Record<(typeof SHARED_POOLS)[number], HeldElsewhere>>

export type WorkerOrder =
  | {
      readonly do: 'start'
      readonly name: string
      /** How many there are. */
      readonly of: number
      readonly skewMs: number
      readonly keys: SignedKeySet | undefined
      readonly revoked: readonly string[]
    }
  /** Once a second: the time of control, and what the other processes hold. */
  | { readonly do: 'tick'; readonly skewMs: number; readonly elsewhere: SharedPools }
  | { readonly do: 'keys'; readonly keys: SignedKeySet }
  /** How halves are brought from here on. */
  | { readonly do: 'way'; readonly way: TunnelWay }
  | { readonly do: 'bring'; readonly id: number; readonly ticket: TunnelTicket; readonly mode: HalfMode }
  | { readonly do: 'examined'; readonly id: number; readonly fault: FaultMessage | undefined }
  | {
      readonly do: 'revoke'
      readonly id: number
      readonly grants: readonly string[]
      readonly detail: string
      readonly isAll: boolean
    }
  | { readonly do: 'resolved'; readonly id: number; readonly found: ResolvedName }
  /** A batch was taken. */
  | { readonly do: 'taken' }
  | { readonly do: 'drain'; readonly id: number }
  | { readonly do: 'close'; readonly code: FaultCode; readonly detail: string }

/** An answer, and for how long it is one. */
export type ResolvedName = { readonly keepMs: number } & (
  | { readonly addresses: readonly string[] }
  | { readonly fault: FaultMessage }
)

export type WorkerMessage =
  /** Of `bring`: the tunnel stands, or why not. */
  | { readonly is: 'brought'; readonly id: number; readonly fault: FaultMessage | undefined }
  | { readonly is: 'closed'; readonly id: number }
  /** The pipe of `bring` broke as a middlebox would break it. */
  | { readonly is: 'examine'; readonly id: number }
  | { readonly is: 'cut'; readonly id: number; readonly sessions: number }
  | { readonly is: 'resolve'; readonly id: number; readonly host: string; readonly by: string | undefined }
  | { readonly is: 'drained'; readonly id: number }
  /** A SessionBatch. */
  | { readonly is: 'batch'; readonly text: string }
  | ({ readonly is: 'load' } & LoadMessage)

/** What became of sessions, in the order in which it happened. */
export interface SessionBatch {
  readonly tunnels: readonly ConnectorTunnelFacts[]
  readonly grants: readonly Grant[]
  readonly sessions: readonly SessionSteps[]
}

/** Of one session: what is there has happened since it was last told, in this order. */
export interface SessionSteps {
  /** Within its process. */
  readonly key: number
  opening?: {
    readonly id: string
    readonly open: Open
    readonly pipe: string
    readonly grant: string
    readonly startedMs: number
  }
  unreached?: { readonly fault: FaultMessage; readonly tried: readonly string[] | undefined }
  reached?: {
    readonly address: string | undefined
    readonly dnsUs: number | undefined
    readonly connectUs: number | undefined
    readonly nearPort: number | undefined
  }
  answered?: true
  ended?: {
    readonly end: StreamEnd
    readonly endedMs: number
    readonly dnsUs: number | undefined
    /** FLAGS, as the stream ended. */
    readonly flags: number
  }
}

/** Twice a second, whatever happens: a process that says nothing is stuck. */
export interface LoadMessage {
  readonly sessions: number
  /** User bytes since it started. */
  readonly bytes: number
  /** Of sessions in which something moved: key, bytes in, bytes out, FLAGS. */
  readonly moved: Float64Array
  readonly held: SharedPools
  /** Since it started. */
  readonly grantsVerified: number
  readonly grantsRefused: readonly (readonly [FaultCode, number])[]
  /** Streams that ended and had no grant. */
  readonly strangers: readonly (readonly [StreamEnd['reason'], number])[]
  /** Sessions of which there was no room to tell. */
  readonly shed: number
}

export const FLAGS = { peerSpokeLast: 1, peerHeardFirst: 2, peerEnded: 4, localEnded: 8 } as const
