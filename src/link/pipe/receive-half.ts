/**
 * Takes one half of a pipe at an edge. The agent's side, and how no byte reaches the wrong layer: handover.ts.
 *
 * @module
 */
import type net from 'node:net'
import type tls from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import { unlessAborted } from '../../base/deadline.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { identityUri } from '../../pki/identity.ts'
import type { VerifyKeys } from '../../pki/signing-keys.ts'
import { type Ticket, verifyTicket } from '../../pki/ticket.ts'
import { type Peer, peerOf } from '../../pki/verify.ts'
import {
  ALPN_PIPE,
  ALPN_TUNNEL,
  decodeHandoverHeader,
  HANDOVER_HEADER_BYTES,
  HANDOVER_OK,
  type HalfMode,
  MAX_TICKET_BYTES,
  RAW_ACK,
} from '../../wire/handover.ts'
import type { Credentials } from '../dial/credentials.ts'
import { readExactly, StreamEnded } from '../dial/read-exactly.ts'
import { contextOf } from '../dial/tls-context.ts'
import { acceptTls } from '../dial/tls-session.ts'
import { SocketLoan } from './socket-loan.ts'

export interface ReceiveOptions {
  /** Of this edge. */
  readonly credentials: Credentials
  readonly ticketKeys: () => VerifyKeys
  /** That of the control plane: tickets are judged by the time at which they were made. */
  readonly clock: Clock
  readonly isRevoked: (serial: string) => boolean
  /** A peer has proved who it is, whatever it comes for. Throws a Fault to refuse, or rejects with it. */
  readonly came?: (peer: Peer) => Promise<void> | undefined
  /** The last word before OK, and the place to refuse replays. Throws a Fault to refuse, or rejects with it. */
  readonly admit: (ticket: Ticket, peer: Peer) => Promise<void> | undefined | void
  /** That its ClientHello names: the one of the ticket, or it is refused. So a ticket that is shown again meets who knows that. */
  readonly shard?: number
  /** Aborts with the Fault that a late handover is. */
  readonly signal: AbortSignal
}

export interface ReceivedHalf {
  readonly ticket: Ticket
  readonly peer: Peer
  /** The TCP connection. Of a raw half it is paused, and holds what the agent sent after its ACK. */
  readonly socket: net.Socket
  /** Of a wrapped half: the outer TLS, in which the bytes of the pipe are. Nobody reads it yet. */
  readonly outer?: tls.TLSSocket
}

/**
 * The edge's side. Takes `socket` over: it is destroyed when this fails, after the agent was told the code if it
 * proved any certificate at all.
 *
 * @returns Nothing for a trial, which is over then.
 * @throws {Fault} what the half was refused with; EDGE_UNREACHABLE if the agent went away; the reason of `signal`.
 */
export async function receiveHalf(socket: net.Socket, o: ReceiveOptions): Promise<ReceivedHalf | undefined> {
  const loan = new SocketLoan(socket)
  try {
    const outer = await acceptTls(loan, {
      context: contextOf(o.credentials),
      alpn: ALPN_PIPE,
      requestCert: true,
      signal: o.signal,
    })
    const { mode, admitted } = await admit(outer, o).catch(async (thrown: unknown) => {
      await refuse(outer, asFault(thrown), o.signal)
      throw thrown
    })
    if (mode === 'raw') loan.stopReading()
    await written(outer, Buffer.of(HANDOVER_OK), o.signal)
    if (mode === 'raw') {
      loan.release()
      outer.destroy()
      await takeAck(socket, o.signal)
    }
    if (admitted !== undefined) return { ...admitted, socket, outer: mode === 'raw' ? undefined : outer }
    await answerTrial(mode === 'raw' ? socket : outer, o)
    socket.destroy()
    return undefined
  } catch (thrown) {
    loan.destroy()
    socket.destroy()
    throw thrown instanceof StreamEnded
      ? new Fault('EDGE_UNREACHABLE', 'the agent disconnected during handover', { cause: thrown })
      : thrown
  }
}

async function admit(
  outer: tls.TLSSocket,
  o: ReceiveOptions,
): Promise<{ mode: HalfMode; admitted?: { ticket: Ticket; peer: Peer } }> {
  const { identity, rootPem } = o.credentials
  const nowMs = Date.now()
  const peer = peerOf(outer, { tenant: identity.tenant, roles: ['client', 'connector'], rootPem, nowMs })
  if (o.isRevoked(peer.serial)) {
    throw new Fault('IDENTITY_REVOKED', `certificate ${peer.serial} is revoked`, {
      seen: { serial: peer.serial },
    })
  }
  const may = o.came?.(peer)
  may?.catch(() => {}) // its ticket is read meanwhile
  const asked = decodeHandoverHeader(await readExactly(outer, HANDOVER_HEADER_BYTES, o.signal))
  if (asked === undefined) throw new Fault('PROTOCOL_ERROR', 'the mode is unknown', { hop: 'edge' })
  const { mode, trial, ticketBytes } = asked
  if ((ticketBytes === 0) !== trial || ticketBytes > MAX_TICKET_BYTES) {
    throw new Fault('TICKET_INVALID', `its length is ${ticketBytes}`)
  }
  const text = (await readExactly(outer, ticketBytes, o.signal)).toString('latin1')
  if (outer.readableLength > 0)
    throw new Fault('PROTOCOL_ERROR', 'more than a ticket was sent', { hop: 'edge' })
  if (may !== undefined) await unlessAborted(may, o.signal)
  if (trial) return { mode }
  const ticket = await verifyTicket(o.ticketKeys(), text, {
    tenant: identity.tenant,
    edge: identity.id,
    holder: identityUri(peer.identity),
    nowMs: o.clock.nowMs(),
  })
  if (ticket.shard !== o.shard) {
    throw new Fault('TICKET_INVALID', `it is of shard ${ticket.shard}, and was brought by ${o.shard}`, {
      seen: { ticket: ticket.id },
    })
  }
  const granted = o.admit(ticket, peer)
  if (granted !== undefined) await unlessAborted(granted, o.signal)
  return { mode, admitted: { ticket, peer } }
}

async function takeAck(socket: net.Socket, signal: AbortSignal): Promise<void> {
  const [ack] = await readExactly(socket, 1, signal)
  if (ack !== RAW_ACK)
    throw new Fault('PROTOCOL_ERROR', 'the raw connection did not start with an ACK', { hop: 'edge' })
  socket.pause()
}

/** Is the other end of a half for as long as it takes to see that the path carries what a pipe carries. */
async function answerTrial(half: net.Socket, { credentials, signal }: ReceiveOptions): Promise<void> {
  const context = contextOf(credentials)
  const inner = await acceptTls(half, { context, alpn: ALPN_TUNNEL, requestCert: false, signal })
  await written(inner, Buffer.of(HANDOVER_OK), signal)
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
