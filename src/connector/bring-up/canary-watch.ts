import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from '../../base/backoff.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import type { CanaryResult } from './canary.ts'

const EVERY_MS = 60_000
const JITTER = 0.2
/** One canary that is lost says little; the next one follows at once. */
const LOST_IN_A_ROW = 2
const RETRY = { baseMs: 1000, capMs: EVERY_MS }

export interface CanaryWatch {
  readonly fly: (signal: AbortSignal) => Promise<CanaryResult>
  readonly onHealthy: (result: CanaryResult) => void
  readonly onUnhealthy: (fault: Fault) => void
  /** Resolves after so long, or when the signal aborts; tests do not wait. */
  readonly pause?: (pauseMs: number, signal: AbortSignal) => Promise<void>
}

/** Flies canaries until `signal` aborts: the first at once, then about every minute, sooner after a loss. Never rejects. */
export async function watchCanary(o: CanaryWatch, signal: AbortSignal): Promise<void> {
  const pause = o.pause ?? pauseFor
  let healthy = false
  let lost = 0
  while (!signal.aborted) {
    try {
      const result = await o.fly(signal)
      healthy = true
      lost = 0
      if (!signal.aborted) o.onHealthy(result)
    } catch (error) {
      lost++
      if (!signal.aborted && (!healthy || lost >= LOST_IN_A_ROW)) {
        healthy = false
        o.onUnhealthy(asFault(error))
      }
    }
    const pauseMs =
      lost === 0 ? EVERY_MS * (1 - JITTER / 2 + JITTER * Math.random()) : backoffMs(lost - 1, RETRY)
    await pause(pauseMs, signal)
  }
}

async function pauseFor(pauseMs: number, signal: AbortSignal): Promise<void> {
  await sleep(pauseMs, undefined, { signal }).catch(() => {}) // aborted: the loop ends
}
