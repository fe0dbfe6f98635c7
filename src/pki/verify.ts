import type tls from 'node:tls'
import type { Identity, Role } from './identity.ts'

export interface Peer {
  readonly identity: Identity
  readonly serial: string
  /** SHA-256 of the leaf's DER, hex. */
  readonly thumbprint: string
  readonly notAfterMs: number
}
export interface PeerExpectation {
  readonly tenant: string
  readonly roles: readonly Role[]
  readonly rootPem: string
  readonly nowMs: number
}
export function peerOf(_socket: tls.TLSSocket, _expect: PeerExpectation): Peer {
  throw new Error('being written')
}
export function verifyPinnedServer(
  _socket: tls.TLSSocket,
  _expect: { pin: Buffer; nowMs: number },
): { peer: Peer; rootPem: string } {
  throw new Error('being written')
}
