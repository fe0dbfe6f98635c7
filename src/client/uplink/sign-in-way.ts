import { setTimeout as wait } from 'node:timers/promises'
import { isOfTheWay } from '../../agent/edges/edge-route.ts'
import { backoffMs } from '../../base/backoff.ts'
import { asFault, type Fault, type FaultCode } from '../../base/faults.ts'
import type { EdgeAddress } from '../../link/dial/credentials.ts'

export interface SignInWayOptions<T> {
  /** Where to sign in, in the order they are tried. At least one. */
  readonly edges: readonly EdgeAddress[]
  readonly attempt: (edge: EdgeAddress) => Promise<T>
  /** Told before each pause. */
  readonly onWait?: (fault: Fault, waitMs: number) => void
  /** Pauses of all attempts together are no longer. */
  readonly patienceMs?: number
  readonly signal: AbortSignal
}

/** A person waits this long for the others who sign in at nine o'clock, too. */
const PATIENCE_MS = 60_000
/** The server is there and asks for another moment. */
const BUSY: ReadonlySet<FaultCode> = new Set(['RATE_LIMITED', 'EDGE_BUSY', 'CONTROL_STARTING'])
/** Besides faults of the way: another edge may have an answer. */
const NO_ANSWER: ReadonlySet<FaultCode> = new Set(['CONTROL_UNREACHABLE', 'HANDSHAKE_TIMEOUT'])

/**
 * Signs in at the first edge that can be reached, and again a moment later where the server is busy and says so: after
 * the time it names, and up to as long again, so that those who were turned away together do not come back together.
 *
 * @throws {Fault} what the first edge failed with when none could be reached; what the server refuses with.
 */
export async function signInAt<T>(o: SignInWayOptions<T>): Promise<{ edge: EdgeAddress; answer: T }> {
  let leftMs = o.patienceMs ?? PATIENCE_MS
  for (let attempt = 0; ; attempt++) {
    try {
      return await atOneOf(o)
    } catch (thrown) {
      const fault = asFault(thrown)
      const { retryAfterS } = fault.seen
      const namedMs = typeof retryAfterS === 'number' ? retryAfterS * 1000 : 500 + backoffMs(attempt)
      const waitMs = Math.round(namedMs * (1 + Math.random()))
      if (!BUSY.has(fault.code) || namedMs > leftMs) throw fault
      leftMs -= waitMs
      o.onWait?.(fault, waitMs)
      await wait(waitMs, undefined, { signal: o.signal }).catch(() => o.signal.throwIfAborted())
    }
  }
}

async function atOneOf<T>({ edges, attempt, signal }: SignInWayOptions<T>) {
  let first: Fault | undefined
  for (const edge of edges) {
    try {
      return { edge, answer: await attempt(edge) }
    } catch (thrown) {
      signal.throwIfAborted()
      const fault = asFault(thrown)
      if (!isOfTheWay(fault) && !NO_ANSWER.has(fault.code)) throw fault
      // An edge that is busy is worth more than one that is not there.
      if (first === undefined || BUSY.has(fault.code)) first = fault
    }
  }
  throw first!
}
