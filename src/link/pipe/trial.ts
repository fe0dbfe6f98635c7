/**
 * Tries what a pipe needs of the path to an edge, with nobody else in it: hands a half over and does, through it, the
 * handshake of a tunnel with the edge itself. So a far end that is missing or refuses cannot be taken for the path.
 *
 * @module
 */
import { deadline } from '../../base/deadline.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import type { PipeTicket } from '../../wire/control.ts'
import { ALPN_TUNNEL } from '../../wire/handover.ts'
import { readExactly } from '../dial/read-exactly.ts'
import { contextOf } from '../dial/tls-context.ts'
import { startTls } from '../dial/tls-session.ts'
import { verifyEdge } from '../dial/verify-server.ts'
import { type BringOptions, bringTrial } from './handover.ts'

/** For the handshake after the OK. */
const TRIAL_MS = 5_000

/**
 * @returns Nothing if the path carried it; else how it broke after the edge had said OK.
 * @throws {Fault} as bringHalf: it did not come to the trial.
 */
export async function tryPath(
  edge: PipeTicket['edge'],
  o: BringOptions & { trialMs?: number },
): Promise<Fault | undefined> {
  const { credentials, trialMs = TRIAL_MS } = o
  const { socket } = await bringTrial(edge, o)
  using limit = deadline(trialMs, 'HANDSHAKE_TIMEOUT', 'nothing came through', o.signal)
  try {
    const inner = await startTls(socket, {
      context: contextOf(credentials),
      alpn: ALPN_TUNNEL,
      signal: limit,
    })
    verifyEdge(inner, credentials, { alpn: ALPN_TUNNEL, edgeId: edge.id })
    await readExactly(inner, 1, limit)
    return undefined
  } catch (thrown) {
    o.signal.throwIfAborted()
    return asFault(thrown, 'EDGE_UNREACHABLE')
  } finally {
    socket.destroy()
  }
}
