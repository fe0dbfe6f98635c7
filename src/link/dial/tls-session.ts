/**
 * TLS handshakes over a stream that is already connected, at both ends. Neither end judges certificates here:
 * `pki/verify` does, after the handshake and before a byte of the protocol on top is believed.
 *
 * @module
 */
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { Fault } from '../../base/faults.ts'
import { howItBroke } from './tls-alert.ts'

export interface StartTls {
  readonly context: tls.SecureContext
  /** What is offered. */
  readonly alpn: string | readonly string[]
  /** Name sent in the clear (SNI); an address is not sent. */
  readonly servername?: string
  /** Aborts with the Fault that a late handshake is. */
  readonly signal: AbortSignal
}

/**
 * The client's side. Takes `stream` over: it is destroyed when this fails.
 *
 * @throws {Fault} EDGE_UNREACHABLE if the handshake broke; the reason of `signal`.
 */
export function startTls(stream: Duplex, o: StartTls): Promise<tls.TLSSocket> {
  const socket = tls.connect({
    socket: stream,
    secureContext: o.context,
    ALPNProtocols: [o.alpn].flat(),
    servername: o.servername !== undefined && net.isIP(o.servername) === 0 ? o.servername : '',
    // Judged by pki/verify, which can say what was presented; node would only say that it was refused.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  })
  return handshake(socket, 'secureConnect', o.signal)
}

export interface AcceptTls {
  readonly context: tls.SecureContext
  readonly alpn: string
  /** Ask for a certificate. A peer may send none; what it sends is judged by pki/verify. */
  readonly requestCert: boolean
  readonly signal: AbortSignal
}

/**
 * The server's side. Takes `stream` over: it is destroyed when this fails.
 *
 * @throws {Fault} EDGE_UNREACHABLE if the handshake broke; PROTOCOL_ERROR if a session was resumed where a
 *   certificate was asked for (resumption proves no key); the reason of `signal`.
 */
export async function acceptTls(stream: Duplex, o: AcceptTls): Promise<tls.TLSSocket> {
  const socket = new tls.TLSSocket(stream, {
    isServer: true,
    secureContext: o.context,
    ALPNProtocols: [o.alpn],
    requestCert: o.requestCert,
    rejectUnauthorized: false,
  })
  // A TLSSocket made without tls.Server keeps errors of the TLS layer to itself, such as a record that was
  // tampered with; it must break instead.
  socket.on('_tlsError', (error: Error) => socket.destroy(error))
  await handshake(socket, 'secure', o.signal)
  socket.authorized = o.requestCert && authorizedByOpenSsl(socket)
  if (o.requestCert && socket.isSessionReused()) {
    socket.destroy()
    throw new Fault('PROTOCOL_ERROR', 'the peer resumed a TLS session', { hop: 'edge' })
  }
  return socket
}

/** tls.Server does this, but tls.Server cannot say which TLSSocket runs over which stream. */
function authorizedByOpenSsl(socket: tls.TLSSocket): boolean {
  const { ssl } = socket as unknown as {
    ssl: { hasPeerCertificate(): boolean; verifyError(): Error | null }
  }
  return ssl.hasPeerCertificate() && ssl.verifyError() === null
}

/** Waits for the end of the handshake. Afterwards every error is followed by 'close', also if nobody listens for it. */
function handshake(
  socket: tls.TLSSocket,
  done: 'secureConnect' | 'secure',
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  // Node only reports an error of the TLS layer after the handshake, and leaves the socket open.
  socket.on('error', () => socket.destroy())
  return new Promise((resolve, reject) => {
    const clear = () => {
      socket.off(done, secure)
      socket.off('error', broke)
      socket.off('end', ended)
      socket.off('close', ended)
      signal.removeEventListener('abort', stop)
    }
    const secure = () => {
      clear()
      resolve(socket)
    }
    const broke = (cause?: Error) => {
      clear()
      socket.destroy()
      reject(brokenHandshake(cause))
    }
    // The streams below stay half open, so an end alone would leave this waiting.
    const ended = () => broke()
    const stop = () => {
      clear()
      socket.destroy()
      reject(signal.reason)
    }
    if (signal.aborted) return stop()
    socket.on(done, secure)
    socket.on('error', broke)
    socket.on('end', ended)
    socket.on('close', ended)
    signal.addEventListener('abort', stop, { once: true })
  })
}

function brokenHandshake(cause: NodeJS.ErrnoException | undefined): Fault {
  const code = cause?.code ?? 'CLOSED'
  return new Fault('EDGE_UNREACHABLE', `the TLS handshake broke: ${howItBroke(code)}`, {
    cause,
    seen: { code },
  })
}
