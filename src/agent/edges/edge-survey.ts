import { asFault, Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { EdgeAddress } from '../../link/dial/credentials.ts'
import { dialEdge } from '../../link/dial/dial.ts'
import type { Egress } from '../../link/dial/egress.ts'

/** The least of so many says how far it is; the others say how busy things were. */
const TRIES = 3
/** An edge that takes longer to answer is none to be at. */
const ANSWER_MS = 3000

export type Distance = { readonly rttUs: number } | { readonly fault: Fault }

/**
 * How far an edge is: the time of a TCP connection, made as every connection to it is, through the proxy if there is
 * one. The name is resolved outside of that time.
 *
 * @returns The fault where nothing answers. @throws the reason of `signal`, nothing else.
 */
export async function measureEdge(
  edge: EdgeAddress,
  { egress, signal }: { egress: Egress; signal: AbortSignal },
): Promise<Distance> {
  let rttUs = Number.POSITIVE_INFINITY
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      let startedMs = performance.now()
      const onStep = (step: string) => {
        if (step === 'resolved') startedMs = performance.now()
      }
      const socket = await dialEdge(edge, { egress, signal, timeoutMs: ANSWER_MS, onStep })
      rttUs = Math.min(rttUs, Math.round((performance.now() - startedMs) * 1000))
      socket.destroy()
    }
    return { rttUs }
  } catch (thrown) {
    signal.throwIfAborted()
    // One connection that came through is a distance, whatever became of the next.
    return Number.isFinite(rttUs) ? { rttUs } : { fault: located(asFault(thrown), edge) }
  }
}

/** Where two edges are told of at once, each fault names its own. */
function located(fault: Fault, edge: EdgeAddress): Fault {
  if (fault.detail.includes(edge.host)) return fault
  const { code, hop, seen, detail } = fault
  return new Fault(code, `${hostPort(edge)}: ${detail}`, { hop, seen, cause: fault })
}
