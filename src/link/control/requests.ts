/**
 * The two requests an agent makes before it has a certificate. The server proves itself by the pin alone: the hash of
 * the tenant root that came with the provisioning key or the client profile.
 *
 * @module
 */
import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto'
import http from 'node:http'
import type tls from 'node:tls'
import { deadline } from '../../base/deadline.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import {
  type CertificateReply,
  certificateReply,
  type EnrolRequest,
  faultMessage,
  type LoginRequest,
} from '../../wire/control.ts'
import type { EdgeAddress } from '../dial/credentials.ts'
import { type DialStep, dialEdge } from '../dial/dial.ts'
import type { Egress } from '../dial/egress.ts'
import { anonymousContext } from '../dial/tls-context.ts'
import { startTls } from '../dial/tls-session.ts'
import { FOR_CONTROL, verifyPinnedControl } from '../dial/verify-server.ts'
import { faultFromMessage } from './fault-message.ts'

const REQUEST_MS = 20_000
const MAX_REPLY_BYTES = 65_536

export interface HttpRequestOptions {
  readonly egress: Egress
  readonly signal: AbortSignal
  readonly timeoutMs?: number
  readonly onStep?: (step: DialStep) => void
}

/** `skewMs`: what to add to this clock to get the server's; positive when this one is slow. */
export type CertificateAnswer = CertificateReply & { readonly skewMs: number }

/** Exchanges a provisioning key for a certificate. @throws {Fault} what the server names; as dialEdge; TLS_INTERCEPTED. */
export function postEnrol(
  edge: EdgeAddress,
  pin: Buffer,
  body: EnrolRequest,
  o: HttpRequestOptions,
): Promise<CertificateAnswer> {
  return post(edge, pin, '/enrol', body, o)
}

/** Exchanges user and password for a device certificate. @throws {Fault} as postEnrol. */
export function postLogin(
  edge: EdgeAddress,
  pin: Buffer,
  body: LoginRequest,
  o: HttpRequestOptions,
): Promise<CertificateAnswer> {
  return post(edge, pin, '/login', body, o)
}

async function post(
  edge: EdgeAddress,
  pin: Buffer,
  path: string,
  body: object,
  { egress, signal, timeoutMs = REQUEST_MS, onStep }: HttpRequestOptions,
): Promise<CertificateAnswer> {
  const tcp = await dialEdge(edge, { egress, signal, timeoutMs, onStep })
  using limit = deadline(timeoutMs, 'HANDSHAKE_TIMEOUT', `${path} at ${hostPort(edge)}`, signal)
  const socket = await startTls(tcp, {
    context: anonymousContext(),
    alpn: FOR_CONTROL,
    servername: edge.host,
    signal: limit,
  })
  try {
    verifyPinnedControl(socket, { pin, nowMs: Date.now() })
    onStep?.('secured')
    using answer = deadline(timeoutMs, 'CONTROL_UNREACHABLE', `no answer to ${path}`, signal)
    const sentMs = Date.now()
    const { status, text } = await exchange(socket, edge, path, JSON.stringify(body), answer)
    const reply = readReply(status, text)
    requirePinned(reply.root, pin)
    return { ...reply, skewMs: Math.round(reply.serverTimeMs - (sentMs + Date.now()) / 2) }
  } finally {
    socket.destroy()
  }
}

function exchange(
  socket: tls.TLSSocket,
  edge: EdgeAddress,
  path: string,
  body: string,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const broke = (cause: unknown) => {
      request.destroy()
      reject(signal.aborted ? signal.reason : asFault(cause, 'CONTROL_UNREACHABLE'))
    }
    const request = http.request({
      method: 'POST',
      path,
      headers: {
        host: hostPort(edge),
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        connection: 'close',
      },
      createConnection: () => socket,
      signal,
    })
    request.on('error', broke)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('error', broke)
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_REPLY_BYTES)
          broke(malformed(response.statusCode ?? 0, `over ${MAX_REPLY_BYTES} bytes`))
        else chunks.push(chunk)
      })
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') })
      })
    })
    request.end(body)
  })
}

function readReply(status: number, text: string): CertificateReply {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw malformed(status, 'it is not JSON', cause)
  }
  if (status !== 200) {
    const fault = faultMessage.safeParse(value)
    throw fault.success ? faultFromMessage(fault.data) : malformed(status, 'it names no fault', fault.error)
  }
  const reply = certificateReply.safeParse(value)
  if (!reply.success) throw malformed(status, 'it is not a certificate reply', reply.error)
  return reply.data
}

/** A root other than the pinned one would make every later connection trust somebody else. */
function requirePinned(rootPem: string, pin: Buffer): void {
  let hash: Buffer
  try {
    hash = createHash('sha256').update(new X509Certificate(rootPem).raw).digest()
  } catch (cause) {
    throw malformed(200, 'its root is not a certificate', cause)
  }
  if (pin.length !== hash.length || !timingSafeEqual(hash, pin)) {
    throw new Fault('TLS_INTERCEPTED', 'the reply contains a root other than the pinned one', {
      seen: { root: hash.toString('hex'), pin: pin.toString('hex') },
    })
  }
}

function malformed(status: number, what: string, cause?: unknown): Fault {
  return new Fault('PROTOCOL_ERROR', `the answer is unusable: ${what}`, {
    hop: 'control',
    cause,
    seen: { status },
  })
}
