import type net from 'node:net'
import type tls from 'node:tls'
import { asFault, Fault } from '../../base/faults.ts'
import { isLoopback } from '../../base/ip-address.ts'
import { isClaimable } from '../../link/accept/claimed-address.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import { readExactly } from '../../link/dial/read-exactly.ts'
import { contextOf } from '../../link/dial/tls-context.ts'
import { acceptTls } from '../../link/dial/tls-session.ts'
import { type Peer, peerOf } from '../../pki/verify.ts'
import {
  ALPN_RELAY,
  decodeRelayRest,
  type PeerAddress,
  RELAY_HEAD_BYTES,
  RELAY_OK,
  relayRestBytes,
} from '../../wire/relay.ts'
import type { FrontBackend } from './backend.ts'

export interface AcceptRelay {
  readonly credentials: Credentials
  readonly backend: Pick<FrontBackend, 'tenant' | 'rootPem' | 'isRevoked' | 'admitsEdge'>
  /** Of the edge itself. */
  readonly address: string
  /** Counts it for the peer and the edge from here on. @throws {Fault} EDGE_BUSY, which the edge is told. */
  readonly enter: (from: PeerAddress, edge: Peer) => void
  readonly signal: AbortSignal
}

export interface RelayedConnection {
  /** What the peer sends, from its first byte. */
  readonly stream: tls.TLSSocket
  readonly edge: Peer
  /** Of the peer, as the remote edge says. */
  readonly from: PeerAddress
}

/**
 * The control plane's end of one connection that a remote edge passes on. Takes `socket` over.
 *
 * @throws {Fault} PEER_REFUSED, TLS_INTERCEPTED, IDENTITY_REVOKED, EDGE_CERT_EXPIRED: who passes it on may not; EDGE_BUSY;
 *   PROTOCOL_ERROR, also for an address that its peer cannot have; the reason of `signal`.
 */
export async function acceptRelay(socket: net.Socket, o: AcceptRelay): Promise<RelayedConnection> {
  const { backend, signal } = o
  const context = contextOf(o.credentials)
  const stream = await acceptTls(socket, { context, alpn: ALPN_RELAY, requestCert: true, signal })
  try {
    const from = await readPeerAddress(stream, signal)
    const edge = requireEdge(stream, backend)
    requireClaimable(from, edge, o.address)
    o.enter(from, edge)
    stream.write(Buffer.of(RELAY_OK))
    return { stream, edge, from }
  } catch (thrown) {
    signal.throwIfAborted()
    const fault = asFault(thrown, 'EDGE_UNREACHABLE')
    const code = Buffer.from(fault.code, 'ascii')
    // Waited for: the connection is destroyed behind this, and who asked should know why.
    await new Promise<void>((resolve) => {
      stream.once('close', resolve)
      stream.end(Buffer.concat([Buffer.of(code.length), code]), resolve)
    })
    throw fault
  }
}

/**
 * Who is behind a connection that an edge passes on, as it says first of all.
 *
 * @throws {Fault} PROTOCOL_ERROR; @throws {StreamEnded}; the reason of `signal`.
 */
export async function readPeerAddress(stream: net.Socket, signal: AbortSignal): Promise<PeerAddress> {
  const rest = relayRestBytes(await readExactly(stream, RELAY_HEAD_BYTES, signal))
  if (rest !== undefined) return decodeRelayRest(await readExactly(stream, rest, signal))
  throw new Fault('PROTOCOL_ERROR', 'an edge speaks another relay protocol', { hop: 'edge' })
}

/** An edge on the machine of the control plane has peers there: those share its loopback. */
function requireClaimable({ address }: PeerAddress, { identity }: Peer, ofEdge: string): void {
  if (isClaimable(address) || (isLoopback(address) && isLoopback(ofEdge))) return
  throw new Fault('PROTOCOL_ERROR', `edge ${identity.id} reports that its peer is ${address}`, {
    hop: 'edge',
    seen: { edge: identity.id, claimed: address },
  })
}

function requireEdge(stream: tls.TLSSocket, backend: AcceptRelay['backend']): Peer {
  const { tenant, rootPem } = backend
  const edge = peerOf(stream, { tenant, roles: ['edge'], rootPem, nowMs: Date.now() })
  if (!backend.isRevoked(edge.serial) && backend.admitsEdge(edge)) return edge
  const why = 'it is not registered here, disabled, enrolled again, or its certificate is revoked'
  throw new Fault('IDENTITY_REVOKED', `edge ${edge.identity.id}: ${why}`)
}
