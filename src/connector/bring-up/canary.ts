/**
 * The canary: a pipe from this connector to itself, through the same edge, handover, tunnel and mux as every user's.
 * Being connected to control says nothing about the data path; this does.
 *
 * @module
 */
import { deadline } from '../../base/deadline.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import { PATIENCE_MS } from '../../base/patience.ts'
import type { RawPhase, TrialAccess } from '../../link/pipe/raw-phase.ts'
import { bringTunnelEnd } from '../../link/pipe/tunnel-end.ts'
import { Mux } from '../../mux/mux.ts'
import type { AgentMessage, ControlMessage, PipeTicket } from '../../wire/control.ts'

/** As long as tunnels of users wait for the same: what is given up sooner says nothing of the way. */
const TICKET_MS = PATIENCE_MS.answer
const HANDSHAKE_MS = PATIENCE_MS.handover
/** A round trip more, so that silence in a part is found out about and not only given up. */
const CANARY_MS = TICKET_MS + HANDSHAKE_MS + 3000

export interface CanaryResult {
  /** Dial, outer TLS and ticket of the slower half. */
  readonly handoverUs: number
  /** End-to-end handshake. */
  readonly innerTlsUs: number
  /** One frame there and back. */
  readonly pingUs: number
  /** It went inside its outer TLS, as tunnels of users do. */
  readonly wrapped: boolean
}

export interface CanaryOptions extends TrialAccess {
  readonly rawPhase: RawPhase
  readonly signal: AbortSignal
  /** Asks control and resolves with the message of the same id. */
  readonly request: (message: AgentMessage & { id: string }, timeoutMs: number) => Promise<ControlMessage>
  /** Where the edge of a ticket is reached, if not where it says. */
  readonly reroute: (pipe: PipeTicket) => PipeTicket
  /** It did not come through this edge. */
  readonly onEdgeLost?: (edge: string, fault: Fault) => void
}

/** @throws {Fault} of the first part of the path that failed, or TUNNEL_LOST if it was too slow. */
export async function flyCanary(o: CanaryOptions): Promise<CanaryResult> {
  try {
    return await fly(o)
  } catch (thrown) {
    if (asFault(thrown).code !== 'RAW_PHASE_BLOCKED') throw thrown
    return await fly(o) // by the way that is known now
  }
}

async function fly(o: CanaryOptions): Promise<CanaryResult> {
  using limit = deadline(CANARY_MS, 'TUNNEL_LOST', 'the canary was lost', o.signal)
  const reply = await o.request({ type: 'canary', id: newId('req') }, TICKET_MS)
  if (reply.type !== 'canary-pipe') {
    throw new Fault('PROTOCOL_ERROR', `the answer to canary was ${reply.type}`, { hop: 'control' })
  }
  try {
    return await flyOver(reply, o, limit)
  } catch (thrown) {
    const fault = asFault(thrown)
    // Both ends are here, so it was the edge.
    if (!o.signal.aborted && fault.code !== 'RAW_PHASE_BLOCKED') o.onEdgeLost?.(reply.client.edge.id, fault)
    throw thrown
  }
}

async function flyOver(
  pipe: { readonly client: PipeTicket; readonly connector: PipeTicket },
  { egress, credentials, rawPhase, reroute }: CanaryOptions,
  limit: AbortSignal,
): Promise<CanaryResult> {
  const way = { egress, credentials, rawPhase, signal: limit, timeoutMs: HANDSHAKE_MS }
  const [client, connector] = await both(
    bringTunnelEnd('client', reroute(pipe.client), way),
    bringTunnelEnd('connector', reroute(pipe.connector), way),
  )
  await using near = new Mux(client.socket, { role: 'client' })
  await using far = new Mux(connector.socket, { role: 'connector' })
  const stop = () => {
    near.close('TUNNEL_LOST', 'the canary has ended')
    far.close('TUNNEL_LOST', 'the canary has ended')
  }
  limit.addEventListener('abort', stop, { once: true })
  try {
    const pingUs = await near.ping()
    return {
      handoverUs: Math.max(client.handoverUs, connector.handoverUs),
      innerTlsUs: client.innerTlsUs,
      pingUs,
      wrapped: client.wrapped || connector.wrapped,
    }
  } finally {
    limit.removeEventListener('abort', stop)
  }
}

/** Both, or the first failure with the other one closed. */
async function both<T extends { socket: { destroy(): void } }>(
  a: Promise<T>,
  b: Promise<T>,
): Promise<[T, T]> {
  const results = await Promise.allSettled([a, b])
  const [first, second] = results
  if (first.status === 'fulfilled' && second.status === 'fulfilled') return [first.value, second.value]
  for (const result of results) if (result.status === 'fulfilled') result.value.socket.destroy()
  throw (results.find((result) => result.status === 'rejected') as PromiseRejectedResult).reason
}
