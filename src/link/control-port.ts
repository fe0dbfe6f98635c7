import type http from 'node:http'
import type { VerifyKeys } from '../pki/signing-keys.ts'
import type { Peer } from '../pki/verify.ts'
import type { CertificateReply, EnrolRequest, LoginRequest } from '../wire/control.ts'
import type { ControlEnd } from './control-channel.ts'

/** What every edge has to know to take halves of pipes, wherever it runs. */
export interface EdgeAuthority {
  readonly tenant: string
  readonly rootPem: string
  ticketKeys(): VerifyKeys
  isRevoked(serial: string): boolean
}

/** What the home edge asks of the control plane. In one process these are calls. `from` is the address of the peer. */
export interface ControlPort extends EdgeAuthority {
  /** @throws {Fault} which the edge sends as it is. */
  enrol(body: EnrolRequest, from: string): Promise<CertificateReply>
  /** @throws {Fault} which the edge sends as it is. */
  login(body: LoginRequest, from: string): Promise<CertificateReply>
  /**
   * The control connection of an authenticated agent: from here on it belongs to the control plane.
   *
   * @param via The remote edge that it came in by, if it did.
   */
  attach(channel: ControlEnd, peer: Peer, from: string, via?: string): void
  /** Is this a remote edge that is registered and enabled, with the key it enrolled with last? It may pass connections on. */
  admitsEdge(peer: Pick<Peer, 'identity' | 'publicKeyHash'>): boolean
  /** REST API, health, portal. */
  http(request: http.IncomingMessage, response: http.ServerResponse): void
}
