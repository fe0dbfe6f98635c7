import { asFault, Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'

/** Runs one step of a local connection. */
export type Guard = (step: () => void) => void

/**
 * The border around one local connection: what a step of it throws ends that connection and nothing else. A Fault is a
 * refusal; anything else is a defect of ours, and goes into the log with its stack.
 *
 * @param end Called with a Fault, or with INTERNAL.
 */
export function guardLocal(log: Log, end: (fault: Fault) => void): Guard {
  const defect = (error: unknown) =>
    log.error(
      { event: 'local.defect', code: 'INTERNAL', err: error },
      'a local connection failed with an internal error',
    )
  return (step) => {
    try {
      step()
    } catch (error) {
      if (!(error instanceof Fault)) defect(error)
      try {
        end(asFault(error, 'INTERNAL', 'client'))
      } catch (second) {
        defect(second)
      }
    }
  }
}
