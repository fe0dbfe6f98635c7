import type tls from 'node:tls'
import { Fault } from '../../base/faults.ts'
import { type Peer, peerOf, verifyPinnedServer } from '../../pki/verify.ts'
import { ALPN_AWAY, ALPN_CONTROL } from '../../wire/handover.ts'
import type { Credentials } from './credentials.ts'

/**
 * What an agent asks of the server that answered, before it believes a byte: an edge of its own tenant that
 * speaks the protocol that was offered. The certificate is judged first: who re-signs connections rarely offers our
 * protocols, and the issuer is the finding that helps.
 *
 * @param edgeId When the edge is known by id.
 * @throws {Fault} TLS_INTERCEPTED naming the issuer, EDGE_CERT_EXPIRED, CLOCK_SKEW; PEER_REFUSED for another edge.
 */
export function verifyEdge(
  socket: tls.TLSSocket,
  credentials: Credentials,
  o: { alpn: string; edgeId?: string },
): Peer {
  const peer = verifyServer(socket, credentials, 'edge', o.alpn)
  if (o.edgeId !== undefined && peer.identity.id !== o.edgeId) {
    throw new Fault('PEER_REFUSED', `edge ${o.edgeId} was expected but ${peer.identity.id} answered`, {
      hop: 'edge',
    })
  }
  return peer
}

/** What is offered where the control plane is wanted: itself, or word of an edge that it is away. */
export const FOR_CONTROL: readonly string[] = [ALPN_CONTROL, ALPN_AWAY]

/**
 * The same of whoever ends control connections and relays: the control plane itself. An edge passes them on unread, and
 * its certificate is accepted for nothing but the word that the control plane is away.
 *
 * @throws {Fault} as verifyEdge; CONTROL_UNREACHABLE when an edge says so.
 */
export function verifyControl(socket: tls.TLSSocket, credentials: Credentials, o: { alpn: string }): Peer {
  if (socket.alpnProtocol === ALPN_AWAY) throw away(verifyServer(socket, credentials, 'edge', ALPN_AWAY))
  return verifyServer(socket, credentials, 'control', o.alpn)
}

/**
 * The same before this machine has a certificate, by the pin alone.
 *
 * @throws {Fault} as verifyPinnedServer; PROTOCOL_ERROR; CONTROL_UNREACHABLE when an edge says that it is away.
 */
export function verifyPinnedControl(socket: tls.TLSSocket, expect: { pin: Buffer; nowMs: number }): void {
  if (socket.alpnProtocol === ALPN_AWAY)
    throw away(verifyPinnedServer(socket, { ...expect, role: 'edge' }).peer)
  verifyPinnedServer(socket, { ...expect, role: 'control' })
  requireAlpn(socket, ALPN_CONTROL)
}

function away({ identity: { id } }: Peer): Fault {
  return new Fault('CONTROL_UNREACHABLE', `edge ${id} answers, but the control plane behind it does not`, {
    seen: { edge: id },
  })
}

function verifyServer(
  socket: tls.TLSSocket,
  { identity, rootPem }: Credentials,
  role: 'edge' | 'control',
  alpn: string,
): Peer {
  const peer = peerOf(socket, { tenant: identity.tenant, roles: [role], rootPem, nowMs: Date.now() })
  requireAlpn(socket, alpn)
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
