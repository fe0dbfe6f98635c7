/**
 * What a connection has come for, told from the ALPN of its ClientHello.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import { ALPN_CONTROL, ALPN_PIPE } from '../../wire/handover.ts'
import { ALPN_RELAY } from '../../wire/relay.ts'

/** `relay`: a remote edge passes somebody on. All but `pipe` are for the control plane. */
export type ArrivalKind = 'https' | 'control' | 'pipe' | 'relay'

export const ALPN_HTTP = 'http/1.1'

/** @throws {Fault} PROTOCOL_ERROR if nothing that is spoken here was offered. */
export function kindOf(alpn: readonly string[]): ArrivalKind {
  if (alpn.includes(ALPN_PIPE)) return 'pipe'
  if (alpn.includes(ALPN_CONTROL)) return 'control'
  if (alpn.includes(ALPN_RELAY)) return 'relay'
  if (alpn.length === 0 || alpn.includes(ALPN_HTTP) || alpn.includes('h2')) return 'https'
  throw new Fault('PROTOCOL_ERROR', 'the peer offers no protocol supported here', {
    hop: 'edge',
    seen: { alpn: alpn.slice(0, 4).map((name) => name.replace(/[^\x20-\x7e]/g, '?').slice(0, 32)) },
  })
}
