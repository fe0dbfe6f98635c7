/**
 * Brings one half of a pipe to an edge, and takes one there. Byte layout: wire/handover.ts.
 *
 *     agent                                              edge
 *       | -- outer TLS, ticket ------------------------>  |  verifies certificate and ticket, admits the half
 *       |                                                 |  stops reading TLS
 *       | <------------------------------ OK, outer TLS --|  gives the socket back
 *       |  gives the socket back                          |
 *       | -- ACK, raw, and whatever follows ----------->  |  takes the ACK off; the rest belongs to the other half
 *
 * The edge reads no TLS after it has begun to answer, and the agent sends nothing raw before it has the answer, so
 * no byte can reach the wrong layer whatever the timing.
 *
 * @module
 */
import type net from 'node:net'
import type tls from 'node:tls'
import { deadline } from '../base/deadline.ts'
import { asFault, Fault, isFaultCode } from '../base/faults.ts'
import { identityUri } from '../pki/identity.ts'
import type { VerifyKeys } from '../pki/signing-keys.ts'
import { type Ticket, verifyTicket } from '../pki/ticket.ts'
import { type Peer, peerOf } from '../pki/verify.ts'
import type { PipeTicket } from '../wire/control.ts'
import { ALPN_PIPE, HANDOVER_OK, MAX_TICKET_BYTES, RAW_ACK } from '../wire/handover.ts'
import type { Credentials } from './credentials.ts'
import { dialEdge } from './dial.ts'
import { type Egress, hostPort } from './egress.ts'
import { readExactly, StreamEnded } from './read-exactly.ts'
import { SocketLoan } from './socket-loan.ts'
import { contextOf } from './tls-context.ts'
import { acceptTls, startTls } from './tls-session.ts'
import { verifyEdge } from './verify-edge.ts'

const HANDOVER_MS = 10_000
const MAX_CODE_BYTES = 64

export interface BringOptions {
  readonly egress: Egress
  readonly credentials: Credentials
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

/** A raw half of a pipe: paused, half-open allowed, no delay. */
export interface Half {
  readonly socket: net.Socket
  /** Dial, outer TLS, ticket and OK, in microseconds. */
  readonly handoverUs: number
}

/**
 * @throws {Fault} as dialEdge; TLS_INTERCEPTED, CERT_EXPIRED, CLOCK_SKEW of the edge; what the edge refuses with
 *   (TICKET_INVALID, EDGE_DRAINING, IDENTITY_REVOKED…); HANDSHAKE_TIMEOUT; the reason of `signal`.
 */
export async function bringHalf(to: PipeTicket, o: BringOptions): Promise<Half> {
  const started = performance.now()
  const { edge } = to
  const timeoutMs = o.timeoutMs ?? HANDOVER_MS
  const socket = await dialEdge(edge, { egress: o.egress, signal: o.signal, timeoutMs })
  using limit = deadline(timeoutMs, 'HANDSHAKE_TIMEOUT', `handover to ${hostPort(edge)}`, o.signal)
  const loan = new SocketLoan(socket)
  try {
    const outer = await startTls(loan, {
      context: contextOf(o.credentials),
      alpn: ALPN_PIPE,
      servername: edge.host,
      signal: limit,
    })
    verifyEdge(outer, o.credentials, { alpn: ALPN_PIPE, edgeId: edge.id })
    outer.write(encodeTicket(to.ticket))
    await readAnswer(outer, limit)
    giveBack(loan, outer)
    socket.write(Buffer.of(RAW_ACK))
    return { socket, handoverUs: microsecondsSince(started) }
  } catch (thrown) {
    loan.destroy()
    socket.destroy()
    throw thrown instanceof StreamEnded
      ? new Fault('EDGE_UNREACHABLE', `${hostPort(edge)} closed the connection during handover`, {
          cause: thrown,
        })
      : thrown
  }
}

/** @throws {Fault} INVALID if an edge would not read a ticket of this length. */
function encodeTicket(ticket: string): Buffer {
  const bytes = Buffer.from(ticket, 'ascii')
  if (bytes.length === 0 || bytes.length > MAX_TICKET_BYTES) {
    throw new Fault(
      'INVALID',
      `the ticket has ${bytes.length} bytes and at most ${MAX_TICKET_BYTES} are read`,
    )
  }
  const out = Buffer.allocUnsafe(2 + bytes.length)
  out.writeUInt16BE(bytes.length, 0)
  bytes.copy(out, 2)
  return out
}

async function readAnswer(outer: tls.TLSSocket, signal: AbortSignal): Promise<void> {
  const codeBytes = (await readExactly(outer, 1, signal))[0]!
  if (codeBytes === HANDOVER_OK) return
  if (codeBytes > MAX_CODE_BYTES)
    throw new Fault('PROTOCOL_ERROR', 'the answer is malformed', { hop: 'edge' })
  const code = (await readExactly(outer, codeBytes, signal)).toString('latin1')
  if (isFaultCode(code)) throw new Fault(code, 'the edge refused this half of the pipe')
  throw new Fault('PROTOCOL_ERROR', 'the edge refused with a code not known to this version', {
    hop: 'edge',
    seen: { code: code.replace(/[^A-Z_0-9]/g, '?') },
  })
}

export interface ReceiveOptions {
  /** Of this edge. */
  readonly credentials: Credentials
  readonly ticketKeys: () => VerifyKeys
  readonly isRevoked: (serial: string) => boolean
  /** The last word before OK, and the place to refuse replays. Throws a Fault to refuse. */
  readonly admit: (ticket: Ticket, peer: Peer) => void
  /** Aborts with the Fault that a late handover is. */
  readonly signal: AbortSignal
}

export interface ReceivedHalf {
  readonly ticket: Ticket
  readonly peer: Peer
  /** Raw and paused; holds what the agent sent after its ACK. */
  readonly socket: net.Socket
}

/**
 * The edge's side. Takes `socket` over: it is destroyed when this fails, after the agent was told the code if it
 * proved any certificate at all.
 *
 * @throws {Fault} what the half was refused with; EDGE_UNREACHABLE if the agent went away; the reason of `signal`.
 */
export async function receiveHalf(socket: net.Socket, o: ReceiveOptions): Promise<ReceivedHalf> {
  const loan = new SocketLoan(socket)
  try {
    const outer = await acceptTls(loan, {
      context: contextOf(o.credentials),
      alpn: ALPN_PIPE,
      requestCert: true,
      signal: o.signal,
    })
    const admitted = await admit(outer, o).catch(async (thrown: unknown) => {
      await refuse(outer, asFault(thrown), o.signal)
      throw thrown
    })
    loan.stopReading()
    await written(outer, Buffer.of(HANDOVER_OK), o.signal)
    giveBack(loan, outer)
    const [ack] = await readExactly(socket, 1, o.signal)
    if (ack !== RAW_ACK)
      throw new Fault('PROTOCOL_ERROR', 'no ACK came first on the raw connection', { hop: 'edge' })
    socket.pause()
    return { ...admitted, socket }
  } catch (thrown) {
    loan.destroy()
    socket.destroy()
    throw thrown instanceof StreamEnded
      ? new Fault('EDGE_UNREACHABLE', 'the agent went away during handover', { cause: thrown })
      : thrown
  }
}

async function admit(outer: tls.TLSSocket, o: ReceiveOptions): Promise<{ ticket: Ticket; peer: Peer }> {
  const { identity, rootPem } = o.credentials
  const nowMs = Date.now()
  const peer = peerOf(outer, { tenant: identity.tenant, roles: ['client', 'connector'], rootPem, nowMs })
  if (o.isRevoked(peer.serial)) {
    throw new Fault('IDENTITY_REVOKED', `certificate ${peer.serial} is revoked`, {
      seen: { serial: peer.serial },
    })
  }
  const bytes = (await readExactly(outer, 2, o.signal)).readUInt16BE(0)
  if (bytes === 0 || bytes > MAX_TICKET_BYTES) throw new Fault('TICKET_INVALID', `its length is ${bytes}`)
  const text = (await readExactly(outer, bytes, o.signal)).toString('latin1')
  if (outer.readableLength > 0)
    throw new Fault('PROTOCOL_ERROR', 'more than a ticket was sent', { hop: 'edge' })
  const ticket = await verifyTicket(o.ticketKeys(), text, {
    tenant: identity.tenant,
    edge: identity.id,
    holder: identityUri(peer.identity),
    nowMs: Date.now(),
  })
  o.admit(ticket, peer)
  return { ticket, peer }
}

async function refuse(outer: tls.TLSSocket, fault: Fault, signal: AbortSignal): Promise<void> {
  if (outer.destroyed) return
  const code = Buffer.from(fault.code, 'ascii')
  await written(outer, Buffer.concat([Buffer.of(code.length), code]), signal).catch(() => {})
}

/** Resolves when the bytes have reached the socket below. */
function written(outer: tls.TLSSocket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    outer.write(bytes, (error) => {
      signal.removeEventListener('abort', stop)
      if (error) reject(new StreamEnded(error))
      else resolve()
    })
  })
}

/** Ends the outer TLS without a byte on the wire and without a reference left to it. */
function giveBack(loan: SocketLoan, outer: tls.TLSSocket): void {
  loan.release()
  outer.destroy()
}

function microsecondsSince(started: number): number {
  return Math.round((performance.now() - started) * 1000)
}
