import type http from 'node:http'
import type { VerifyKeys } from '../pki/signing-keys.ts'
import type { Peer } from '../pki/verify.ts'
import type { CertificateReply, EnrolRequest, LoginRequest } from '../wire/control.ts'
import type { ControlEnd } from './control-channel.ts'

/** What an edge asks of the control plane. In one process these are calls. `from` is the address of the peer. */
export interface ControlPort {
  readonly tenant: string
  readonly rootPem: string
  /** @throws {Fault} which the edge sends as it is. */
  enrol(body: EnrolRequest, from: string): Promise<CertificateReply>
  /** @throws {Fault} which the edge sends as it is. */
  login(body: LoginRequest, from: string): Promise<CertificateReply>
  /** The control connection of an authenticated agent: from here on it belongs to the control plane. */
  attach(channel: ControlEnd, peer: Peer, from: string): void
  /** REST API, health, portal. */
  http(request: http.IncomingMessage, response: http.ServerResponse): void
  ticketKeys(): VerifyKeys
  isRevoked(serial: string): boolean
}
