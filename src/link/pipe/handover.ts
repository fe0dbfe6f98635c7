/**
 * Brings one half of a pipe to an edge. The edge's side: receive-half.ts. Byte layout: wire/handover.ts.
 *
 *     agent                                              edge
 *       | -- outer TLS, mode, ticket ------------------>  |  verifies certificate and ticket, admits the half
 *       |                                                 |  stops reading TLS
 *       | <------------------------------ OK, outer TLS --|  gives the socket back
 *       |  gives the socket back                          |
 *       | -- ACK, raw, and whatever follows ----------->  |  takes the ACK off; the rest belongs to the other half
 *
 * The edge reads no TLS after it has begun to answer, and the agent sends nothing raw before it has the answer, so
 * no byte can reach the wrong layer whatever the timing. A wrapped half stays as it is after the OK.
 *
 * @module
 */
import type net from 'node:net'
import type tls from 'node:tls'
import { deadline } from '../../base/deadline.ts'
import { Fault, isFaultCode } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { PATIENCE_MS } from '../../base/patience.ts'
import type { PipeTicket } from '../../wire/control.ts'
import {
  ALPN_PIPE,
  encodeHandoverHeader,
  HANDOVER_OK,
  type HalfMode,
  MAX_TICKET_BYTES,
  RAW_ACK,
} from '../../wire/handover.ts'
import { alpnOfShard } from '../../wire/shard.ts'
import type { Credentials } from '../dial/credentials.ts'
import { dialEdge } from '../dial/dial.ts'
import type { Egress } from '../dial/egress.ts'
import { readExactly, StreamEnded } from '../dial/read-exactly.ts'
import { contextOf } from '../dial/tls-context.ts'
import { startTls } from '../dial/tls-session.ts'
import { verifyEdge } from '../dial/verify-server.ts'
import { SocketLoan } from './socket-loan.ts'

const MAX_CODE_BYTES = 64

export interface BringOptions {
  readonly egress: Egress
  readonly credentials: Credentials
  readonly signal: AbortSignal
  /** `raw` unless it is known that the path does not let that through. */
  readonly mode?: HalfMode
  readonly timeoutMs?: number
}

/** A half of a pipe: half-open allowed, no delay; nobody reads it yet. */
export interface Half {
  /** The bare TCP connection; of a wrapped half the outer TLS over it, whose end is the end of both. */
  readonly socket: net.Socket
  /** Dial, outer TLS, ticket and OK, in microseconds. */
  readonly handoverUs: number
}

/**
 * @throws {Fault} as dialEdge; TLS_INTERCEPTED, EDGE_CERT_EXPIRED, CLOCK_SKEW of the edge; what the edge refuses with
 *   (TICKET_INVALID, EDGE_DRAINING, IDENTITY_REVOKED…); HANDSHAKE_TIMEOUT; the reason of `signal`.
 */
export function bringHalf({ edge, ticket, shard }: PipeTicket, o: BringOptions): Promise<Half> {
  const bytes = Buffer.from(ticket, 'ascii')
  if (bytes.length === 0 || bytes.length > MAX_TICKET_BYTES) {
    const detail = `the ticket is ${bytes.length} bytes long, the limit is ${MAX_TICKET_BYTES}`
    return Promise.reject(new Fault('INVALID', detail))
  }
  return handOver(edge, { ticket: bytes, shard }, o)
}

/** A half that leads nowhere: at its other end is the edge, which ends it after one handshake and one byte. Throws as bringHalf. */
export function bringTrial(edge: PipeTicket['edge'], o: BringOptions): Promise<Half> {
  return handOver(edge, {}, o)
}

async function handOver(
  edge: PipeTicket['edge'],
  { ticket, shard }: { ticket?: Buffer; shard?: number },
  { egress, credentials, signal, mode = 'raw', timeoutMs = PATIENCE_MS.handover }: BringOptions,
): Promise<Half> {
  const started = performance.now()
  const socket = await dialEdge(edge, { egress, signal, timeoutMs })
  using limit = deadline(timeoutMs, 'HANDSHAKE_TIMEOUT', `handover to ${hostPort(edge)}`, signal)
  const loan = mode === 'raw' ? new SocketLoan(socket) : undefined
  try {
    const outer = await startTls(loan ?? socket, {
      context: contextOf(credentials),
      alpn: shard === undefined ? ALPN_PIPE : [ALPN_PIPE, alpnOfShard(shard)],
      servername: edge.host,
      signal: limit,
    })
    verifyEdge(outer, credentials, { alpn: ALPN_PIPE, edgeId: edge.id })
    const header = { mode, trial: ticket === undefined, ticketBytes: ticket?.length ?? 0 }
    outer.write(Buffer.concat([encodeHandoverHeader(header), ticket ?? Buffer.alloc(0)]))
    await readAnswer(outer, limit)
    if (loan !== undefined) {
      loan.release()
      outer.destroy()
      socket.write(Buffer.of(RAW_ACK))
    }
    const handoverUs = Math.round((performance.now() - started) * 1000)
    return { socket: loan === undefined ? outer : socket, handoverUs }
  } catch (thrown) {
    loan?.destroy()
    socket.destroy()
    throw thrown instanceof StreamEnded
      ? new Fault('EDGE_UNREACHABLE', `${hostPort(edge)} closed the connection during handover`, {
          cause: thrown,
        })
      : thrown
  }
}

async function readAnswer(outer: tls.TLSSocket, signal: AbortSignal): Promise<void> {
  const codeBytes = (await readExactly(outer, 1, signal))[0]!
  if (codeBytes === HANDOVER_OK) return
  if (codeBytes > MAX_CODE_BYTES)
    throw new Fault('PROTOCOL_ERROR', 'the answer is malformed', { hop: 'edge' })
  const code = (await readExactly(outer, codeBytes, signal)).toString('latin1')
  if (isFaultCode(code)) throw new Fault(code, 'the edge refused this half of the pipe')
  throw new Fault('PROTOCOL_ERROR', 'the edge refused with a code unknown to this version', {
    hop: 'edge',
    seen: { code: code.replace(/[^A-Z_0-9]/g, '?') },
  })
}
