import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from '../../base/backoff.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import { fileStamp } from './file-stamp.ts'

const LOOK_MS = 500
const RETRY = { baseMs: 1000, capMs: 30_000 }

export interface UntilEnrolledOptions {
  /** Of a provisioning key, of a proxy setting: whoever touches one has likely repaired it, and it is tried at once. */
  readonly files: readonly string[]
  /** How long to wait after a fault that only a person can repair: the repair may be far from this machine. */
  readonly hopelessMs: number
  readonly signal: AbortSignal
  readonly onFailed: (fault: Fault, waitMs: number) => void
}

/** Enrols, however often it takes. @throws once `signal` aborts; nothing else. */
export async function untilEnrolled<T>(enrol: () => Promise<T>, o: UntilEnrolledOptions): Promise<T> {
  const { files, hopelessMs, signal, onFailed } = o
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    const stamp = await stampOf(files)
    try {
      return await enrol()
    } catch (error) {
      signal.throwIfAborted()
      const fault = asFault(error)
      const waitMs = waitFor(fault, attempt, hopelessMs)
      onFailed(fault, waitMs)
      await untilChanged(files, stamp, waitMs, signal)
    }
  }
}

/** Not less than a second for a fault of the key: looking at the file costs nothing, asking does. */
function waitFor(fault: Fault, attempt: number, hopelessMs: number): number {
  if (!fault.retry) return hopelessMs * (0.9 + 0.2 * Math.random())
  return Math.max(RETRY.baseMs, backoffMs(attempt, RETRY))
}

async function untilChanged(
  files: readonly string[],
  stamp: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const untilMs = performance.now() + waitMs
  while (performance.now() < untilMs && (await stampOf(files)) === stamp) {
    await sleep(Math.min(LOOK_MS, waitMs), undefined, { signal })
  }
}

async function stampOf(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map(fileStamp))).join(' ')
}
