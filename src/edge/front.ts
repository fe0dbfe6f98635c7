import type net from 'node:net'
import { Fault } from '../base/faults.ts'
import type { Peer } from '../pki/verify.ts'
import { ALPN_CONTROL, ALPN_PIPE } from '../wire/handover.ts'
import { ALPN_RELAY } from '../wire/relay.ts'
import type { Visit } from './admission.ts'
import type { Kind } from './metrics.ts'

export const ALPN_HTTP = 'http/1.1'

/** What is known of a connection that has come in. */
export interface Arrival {
  /** From here on it counts for the peer that it is really from. */
  readonly visit: Visit
  readonly signal: AbortSignal
}

/** Takes everything that is not a half of a pipe: the home edge serves it, a remote edge passes it on. */
export interface Front {
  /**
   * From the ClientHello, which is still in `socket`, to the end of the handshake.
   *
   * @throws {Fault} what the peer was refused with; the reason of `signal`.
   */
  take(kind: Exclude<Kind, 'pipe'>, socket: net.Socket, arrival: Arrival): Promise<void>
  /** Control connections of agents that end here. */
  readonly attached: number
  /** Connections that go on elsewhere. */
  readonly relayed: number
  /** Closes the control connections of matching peers. @returns how many. */
  cut(matches: (peer: Peer) => boolean): number
  /** Takes nobody any more, and lets go of whom it has: they find another edge. */
  drain(): void
  close(): void
}

/** @throws {Fault} PROTOCOL_ERROR if nothing that is spoken here was offered. */
export function kindOf(alpn: readonly string[]): Kind {
  if (alpn.includes(ALPN_PIPE)) return 'pipe'
  if (alpn.includes(ALPN_CONTROL)) return 'control'
  if (alpn.includes(ALPN_RELAY)) return 'relay'
  if (alpn.length === 0 || alpn.includes(ALPN_HTTP) || alpn.includes('h2')) return 'https'
  throw new Fault('PROTOCOL_ERROR', 'the peer offers no protocol that is spoken here', {
    hop: 'edge',
    seen: { alpn: alpn.slice(0, 4).map((name) => name.replace(/[^\x20-\x7e]/g, '?').slice(0, 32)) },
  })
}
