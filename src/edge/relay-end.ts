import type net from 'node:net'
import type tls from 'node:tls'
import { asFault, Fault } from '../base/faults.ts'
import type { ControlPort } from '../link/control-port.ts'
import type { Credentials } from '../link/credentials.ts'
import { readExactly } from '../link/read-exactly.ts'
import { contextOf } from '../link/tls-context.ts'
import { acceptTls } from '../link/tls-session.ts'
import { type Peer, peerOf } from '../pki/verify.ts'
import {
  ALPN_RELAY,
  decodeRelayRest,
  type PeerAddress,
  RELAY_HEAD_BYTES,
  RELAY_OK,
  relayRestBytes,
} from '../wire/relay.ts'

export interface AcceptRelay {
  readonly credentials: Credentials
  readonly control: Pick<ControlPort, 'tenant' | 'rootPem' | 'isRevoked' | 'admitsEdge'>
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
 * The home edge's end of one connection that a remote edge passes on. Takes `socket` over.
 *
 * @throws {Fault} PEER_REFUSED, IDENTITY_REVOKED, CERT_EXPIRED: who passes it on may not; PROTOCOL_ERROR; the reason
 *   of `signal`.
 */
export async function acceptRelay(socket: net.Socket, o: AcceptRelay): Promise<RelayedConnection> {
  const { control, signal } = o
  const context = contextOf(o.credentials)
  const stream = await acceptTls(socket, { context, alpn: ALPN_RELAY, requestCert: true, signal })
  try {
    const from = await readHeader(stream, signal)
    const edge = requireEdge(stream, control)
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

async function readHeader(stream: tls.TLSSocket, signal: AbortSignal): Promise<PeerAddress> {
  const rest = relayRestBytes(await readExactly(stream, RELAY_HEAD_BYTES, signal))
  if (rest !== undefined) return decodeRelayRest(await readExactly(stream, rest, signal))
  throw new Fault('PROTOCOL_ERROR', 'an edge speaks another relay protocol', { hop: 'edge' })
}

function requireEdge(stream: tls.TLSSocket, control: AcceptRelay['control']): Peer {
  const { tenant, rootPem } = control
  const edge = peerOf(stream, { tenant, roles: ['edge'], rootPem, nowMs: Date.now() })
  if (!control.isRevoked(edge.serial) && control.admitsEdge(edge)) return edge
  const why = 'it is not registered here, disabled, enrolled anew, or its certificate is revoked'
  throw new Fault('IDENTITY_REVOKED', `edge ${edge.identity.id}: ${why}`)
}
