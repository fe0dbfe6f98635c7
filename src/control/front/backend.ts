import type http from 'node:http'
import type { Fault } from '../../base/faults.ts'
import type { ControlEnd } from '../../link/control/control-ends.ts'
import type { Peer } from '../../pki/verify.ts'
import type { CertificateReply, EnrolRequest, LoginRequest } from '../../wire/control.ts'

/** What the front asks of the control plane behind it. `from` is the address of the peer. */
export interface FrontBackend {
  readonly tenant: string
  readonly rootPem: string
  isRevoked(serial: string): boolean
  /**
   * Why this agent is not let in: who deleted it, what took its place, or that a restored copy does not know it. Its knock
   * is on record.
   *
   * @param why What the front alone can say of it.
   */
  turnedAway?(peer: Peer, from: string, why?: Fault): Promise<Fault>
  /** @throws {Fault} which the front sends as it is. */
  enrol(body: EnrolRequest, from: string): Promise<CertificateReply>
  /** @throws {Fault} which the front sends as it is. */
  login(body: LoginRequest, from: string): Promise<CertificateReply>
  /**
   * The control connection of an authenticated agent: from here on it belongs to the control plane.
   *
   * @param via The remote edge that it came in by, if it did.
   */
  attach(channel: ControlEnd, peer: Peer, from: string, via?: string): void
  /** Is this an edge that is registered and enabled, with the key it enrolled with last? */
  admitsEdge(peer: Pick<Peer, 'identity' | 'publicKeyHash'>): boolean
  /** REST API, health, portal. */
  http(request: http.IncomingMessage, response: http.ServerResponse): void
}
