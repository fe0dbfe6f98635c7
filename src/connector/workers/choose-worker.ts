import type { WorkerLoad } from './tunnel-worker.ts'

export interface WorkerChoice extends WorkerLoad {
  /** Those that stand, and those that are being brought. */
  readonly tunnels: number
  /** The client whose next tunnel it is has one there. */
  readonly isOfClient: boolean
}

/** Below this a rate is that of people who type: nobody is better off elsewhere. */
const STEP_BYTES = 1_048_576

/**
 * Which one carries the next tunnel: never that of another tunnel of the same client while there is another one, so that
 * what is typed in one does not wait behind what is copied in the other. Such a tunnel waits for one that is being
 * started, as there is another to wait in; that of a client without any goes to one that runs. Then the one that carries
 * least.
 *
 * @returns Its place; nothing where there is none.
 */
export function chooseWorker(workers: readonly WorkerChoice[]): number | undefined {
  const places = workers.map((worker, place) => ({ ...worker, place }))
  return places.sort(compare)[0]?.place
}

function compare(a: WorkerChoice, b: WorkerChoice): number {
  return (
    Number(b.isWell) - Number(a.isWell) ||
    Number(a.isOfClient) - Number(b.isOfClient) ||
    Number(b.hasBegun) - Number(a.hasBegun) ||
    stepsOf(a) - stepsOf(b) ||
    // A tunnel that was only just given has no sessions yet.
    a.sessions + a.tunnels - (b.sessions + b.tunnels)
  )
}

function stepsOf({ bytesPerSecond }: WorkerChoice): number {
  return Math.floor(bytesPerSecond / STEP_BYTES)
}
