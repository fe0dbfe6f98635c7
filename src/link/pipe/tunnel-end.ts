import { asFault, type Fault, type FaultCode } from '../../base/faults.ts'
import type { PipeTicket } from '../../wire/control.ts'
import { bringHalf } from './handover.ts'
import type { RawPhase, TrialAccess } from './raw-phase.ts'
import { type SecureTunnel, tunnelAsClient, tunnelAsConnector } from './secure-tunnel.ts'

/** How a middlebox that cuts the raw phase looks from here; and how a far end that does not come. */
const LOOKS_CUT: ReadonlySet<FaultCode> = new Set(['TUNNEL_LOST', 'HANDSHAKE_TIMEOUT'])

export interface TunnelEndOptions extends TrialAccess {
  readonly rawPhase: Pick<RawPhase, 'mode' | 'examine'>
  readonly signal: AbortSignal
  /** For the end-to-end handshake, the wait for the other half included. */
  readonly timeoutMs?: number
}

export interface TunnelEnd extends SecureTunnel {
  readonly handoverUs: number
  /** The half stays inside its outer TLS. */
  readonly wrapped: boolean
}

/**
 * Brings one half of a pipe, as the path to its edge allows, and does the end-to-end handshake through it.
 *
 * @throws {Fault} as bringHalf and tunnelAsClient. RAW_PHASE_BLOCKED: the pipe was lost to the path, which is known
 *   now; the next pipe will not be.
 */
export async function bringTunnelEnd(
  side: 'client' | 'connector',
  pipe: PipeTicket,
  o: TunnelEndOptions,
): Promise<TunnelEnd> {
  const { egress, credentials, rawPhase, signal, timeoutMs } = o
  const mode = rawPhase.mode(pipe.edge, o)
  const { socket, handoverUs } = await bringHalf(pipe, { egress, credentials, signal, mode })
  const secure = side === 'client' ? tunnelAsClient : tunnelAsConnector
  try {
    const secured = await secure(socket, { credentials, peer: pipe.peer, signal, timeoutMs })
    return { ...secured, handoverUs, wrapped: mode === 'wrapped' }
  } catch (thrown) {
    const examined = mode === 'raw' && !signal.aborted && LOOKS_CUT.has(asFault(thrown).code)
    const blocked: Fault | undefined = examined ? await rawPhase.examine(pipe.edge, o) : undefined
    throw blocked ?? thrown
  }
}
