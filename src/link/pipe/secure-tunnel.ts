/**
 * The end-to-end TLS session inside a pipe. The edge between the two ends carries it and holds no key of it.
 *
 * @module
 */
import type net from 'node:net'
import type tls from 'node:tls'
import { deadline } from '../../base/deadline.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { type IdentityRole, identityUri, parseIdentityUri } from '../../pki/identity.ts'
import { type Peer, peerOf } from '../../pki/verify.ts'
import { ALPN_TUNNEL } from '../../wire/handover.ts'
import type { Credentials } from '../dial/credentials.ts'
import { contextOf } from '../dial/tls-context.ts'
import { acceptTls, startTls } from '../dial/tls-session.ts'
import { requireAlpn } from '../dial/verify-server.ts'

/** Longer than the edge waits for the other half, so that a missing half is not taken for a slow handshake. */
const TUNNEL_MS = 15_000

export interface TunnelOptions {
  readonly credentials: Credentials
  /** Identity URI that must be at the other end, as the pipe ticket names it. */
  readonly peer: string
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

export interface SecureTunnel {
  /** Nobody reads it yet; hand it to a Mux. */
  readonly socket: tls.TLSSocket
  /** From the raw half to both identities proved, the wait for the other half included; in microseconds. */
  readonly innerTlsUs: number
  readonly peer: Peer
}

/**
 * The client's end. Takes `raw` over: it is destroyed when this fails.
 *
 * @throws {Fault} PEER_REFUSED if another identity is there; TUNNEL_LOST if the pipe closed before both ends met;
 *   HANDSHAKE_TIMEOUT; the reason of `signal`.
 */
export function tunnelAsClient(raw: net.Socket, o: TunnelOptions): Promise<SecureTunnel> {
  return secure(raw, o, ['connector'], async (signal) => {
    const socket = await startTls(raw, { context: contextOf(o.credentials), alpn: ALPN_TUNNEL, signal })
    requireAlpn(socket, ALPN_TUNNEL)
    return socket
  })
}

/** The connector's end; its peer is a client, or the connector itself when it looks whether the path carries. */
export function tunnelAsConnector(raw: net.Socket, o: TunnelOptions): Promise<SecureTunnel> {
  return secure(raw, o, ['client', 'connector'], (signal) =>
    acceptTls(raw, { context: contextOf(o.credentials), alpn: ALPN_TUNNEL, requestCert: true, signal }),
  )
}

async function secure(
  raw: net.Socket,
  { credentials, peer: wanted, signal, timeoutMs = TUNNEL_MS }: TunnelOptions,
  roles: readonly IdentityRole[],
  shake: (signal: AbortSignal) => Promise<tls.TLSSocket>,
): Promise<SecureTunnel> {
  const started = performance.now()
  using limit = deadline(timeoutMs, 'HANDSHAKE_TIMEOUT', `end-to-end TLS with ${wanted}`, signal)
  try {
    const socket = await shake(limit)
    const { identity, rootPem } = credentials
    const peer = ofPeer(wanted, () =>
      peerOf(socket, { tenant: identity.tenant, roles, rootPem, nowMs: Date.now() }),
    )
    const uri = identityUri(peer.identity)
    if (uri !== wanted) {
      throw new Fault('PEER_REFUSED', `${wanted} was expected at the other end of the pipe`, {
        seen: { identity: uri, wanted },
      })
    }
    return { socket, innerTlsUs: Math.round((performance.now() - started) * 1000), peer }
  } catch (thrown) {
    raw.destroy()
    const fault = asFault(thrown, 'TUNNEL_LOST')
    // In here it is not the edge that failed but the far end, or the pipe between.
    throw fault.code === 'EDGE_UNREACHABLE'
      ? new Fault('TUNNEL_LOST', `the pipe closed before ${wanted} was there`, {
          cause: fault,
          seen: fault.seen,
        })
      : fault
  }
}

/**
 * A certificate whose time is over is that of the other end, and its owner has to do something: whoever is told here
 * must not take it for his own and sign in, or enrol, again.
 */
function ofPeer(wanted: string, judge: () => Peer): Peer {
  try {
    return judge()
  } catch (thrown) {
    const fault = asFault(thrown)
    if (fault.code !== 'CERT_EXPIRED') throw thrown
    const { role } = parseIdentityUri(wanted)
    throw new Fault('PEER_REFUSED', `the certificate of ${wanted}, the other end: ${fault.detail}`, {
      cause: fault,
      hop: role,
      seen: fault.seen,
    })
  }
}
