/**
 * TLS handshakes over a stream that is already connected, at both ends. Neither end judges certificates here:
 * `pki/verify` does, after the handshake and before a byte of the protocol on top is believed.
 *
 * @module
 */
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { Fault } from '../base/faults.ts'

export interface StartTls {
  readonly context: tls.SecureContext
  readonly alpn: string
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
    ALPNProtocols: [o.alpn],
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
  socket.authorized = o.requestCert && verdictOfOpenSsl(socket) === null
  if (o.requestCert && socket.isSessionReused()) {
    socket.destroy()
    throw new Fault('PROTOCOL_ERROR', 'the peer resumed a TLS session', { hop: 'edge' })
  }
  return socket
}

/** tls.Server would put this into `authorized`, but tls.Server cannot say which TLSSocket runs over which stream. */
function verdictOfOpenSsl(socket: tls.TLSSocket): Error | null {
  const { ssl } = socket as unknown as { ssl: { verifyError(): Error | null } }
  return socket.getPeerX509Certificate() === undefined ? new Error('no certificate') : ssl.verifyError()
}

/** Waits for the end of the handshake. Afterwards an error without a listener is dropped: 'close' follows it. */
function handshake(
  socket: tls.TLSSocket,
  done: 'secureConnect' | 'secure',
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  socket.on('error', ignore)
  return new Promise((resolve, reject) => {
    const clear = () => {
      socket.off(done, secure)
      socket.off('error', broke)
      socket.off('close', broke)
      signal.removeEventListener('abort', stop)
    }
    const secure = () => {
      clear()
      resolve(socket)
    }
    const broke = (cause?: Error | boolean) => {
      clear()
      socket.destroy()
      reject(brokenHandshake(cause instanceof Error ? cause : undefined))
    }
    const stop = () => {
      clear()
      socket.destroy()
      reject(signal.reason)
    }
    if (signal.aborted) return stop()
    socket.on(done, secure)
    socket.on('error', broke)
    socket.on('close', broke)
    signal.addEventListener('abort', stop, { once: true })
  })
}

function ignore(): void {}

function brokenHandshake(cause: NodeJS.ErrnoException | undefined): Fault {
  const code = cause?.code ?? 'CLOSED'
  return new Fault('EDGE_UNREACHABLE', `the TLS handshake broke: ${code}`, { cause, seen: { code } })
}
