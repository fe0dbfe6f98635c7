import type tls from 'node:tls'
import { Fault } from '../base/faults.ts'
import { type Peer, peerOf } from '../pki/verify.ts'
import type { Credentials } from './credentials.ts'

/**
 * What an agent asks of the server that answered, before it believes a byte: an edge of its own tenant that
 * speaks the protocol that was offered. The certificate is judged first: who re-signs connections rarely offers our
 * protocols, and the issuer is the finding that helps.
 *
 * @param edgeId When the edge is known by id.
 * @throws {Fault} TLS_INTERCEPTED naming the issuer, CERT_EXPIRED, CLOCK_SKEW; PEER_REFUSED for another edge.
 */
export function verifyEdge(
  socket: tls.TLSSocket,
  credentials: Credentials,
  o: { alpn: string; edgeId?: string },
): Peer {
  const { identity, rootPem } = credentials
  const peer = peerOf(socket, { tenant: identity.tenant, roles: ['edge'], rootPem, nowMs: Date.now() })
  requireAlpn(socket, o.alpn)
  if (o.edgeId !== undefined && peer.identity.id !== o.edgeId) {
    throw new Fault('PEER_REFUSED', `edge ${o.edgeId} was wanted and ${peer.identity.id} answered`, {
      hop: 'edge',
    })
  }
  return peer
}

/** @throws {Fault} PROTOCOL_ERROR if the server went on without the protocol that was offered. */
export function requireAlpn(socket: tls.TLSSocket, alpn: string): void {
  if (socket.alpnProtocol === alpn) return
  throw new Fault('PROTOCOL_ERROR', `the server does not speak ${alpn}`, {
    hop: 'edge',
    seen: { alpn: String(socket.alpnProtocol) },
  })
}
