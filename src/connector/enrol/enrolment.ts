import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from '../../base/backoff.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { type StageNumber, stageOf } from '../bring-up/bring-up.ts'
import type { Progress } from '../bring-up/progress.ts'
import { type Enrolled, type EnrolOptions, enrol } from './enrol.ts'
import { fileStamp } from './file-stamp.ts'
import type { SealedState } from './sealed-state.ts'

/** A fault that only a person can repair is tried again at this pace: the repair may be far from this machine. */
const HOPELESS_MS = 30_000
const LOOK_MS = 500
const RETRY = { baseMs: 1000, capMs: 30_000 }

/**
 * Enrols, however often it takes: a key that is put in place or replaced is tried at once.
 *
 * @throws the reason of `o.signal`; nothing else.
 */
export async function enrolUntilDone(
  sealedState: SealedState,
  o: EnrolOptions & RepairFiles & { readonly progress: Progress; readonly log: Log },
): Promise<Enrolled> {
  const { progress, log, signal } = o
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    const stamp = await stampOf(o)
    try {
      const enrolled = await enrol(sealedState, { ...o, onStep: (step) => progress.step(step, 4) })
      progress.pass(4, { connector: enrolled.identity.id, skewMs: enrolled.skewMs })
      return enrolled
    } catch (error) {
      signal.throwIfAborted()
      const fault = asFault(error)
      // Control is asked for the certificate and nothing else: what it answers belongs to stage 4.
      progress.fail(Math.min(stageOf(fault.code), 4) as StageNumber, fault)
      const waitMs = waitFor(fault, attempt)
      log.debug(
        { event: 'enrolment.retry', waitMs },
        `Enrolment is tried again in ${Math.round(waitMs / 1000)} s`,
      )
      await untilChanged(o, stamp, waitMs, signal)
    }
  }
}

/** Not less than a second for a fault of the key: looking at the file costs nothing, asking does. */
function waitFor(fault: Fault, attempt: number): number {
  if (!fault.retry) return HOPELESS_MS * (0.9 + 0.2 * Math.random())
  return Math.max(RETRY.baseMs, backoffMs(attempt, RETRY))
}

/** Waits, but not after somebody has touched the key or the proxy setting: that is likely the repair. */
async function untilChanged(
  files: RepairFiles,
  stamp: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const untilMs = performance.now() + waitMs
  while (performance.now() < untilMs && (await stampOf(files)) === stamp) {
    await sleep(Math.min(LOOK_MS, waitMs), undefined, { signal })
  }
}

interface RepairFiles {
  readonly keyFile: string
  readonly proxyFile: string
}

async function stampOf({ keyFile, proxyFile }: RepairFiles): Promise<string> {
  return `${await fileStamp(keyFile)} ${await fileStamp(proxyFile)}`
}
