import type { WorkerLoad } from './tunnel-worker.ts'

export interface WorkerChoice extends WorkerLoad {
  /** Those that stand, and those that are being brought. */
  readonly tunnels: number
  /** How many of them are of the client whose next tunnel it is. */
  readonly ofClient: number
}

/** Below this a rate is that of people who type: nobody is better off elsewhere. */
const STEP_BYTES = 1_048_576

/**
 * Which one carries the next tunnel: that with the fewest of the same client, so that what is typed in one does not wait
 * behind what is copied in the other. Its second tunnel waits for a process that is being started: there is the first
 * meanwhile; that goes to one that runs, where there is one. Then the one that carries least.
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
    a.ofClient - b.ofClient ||
    Number(b.hasBegun) - Number(a.hasBegun) ||
    stepsOf(a) - stepsOf(b) ||
    // A tunnel that was only just given has no sessions yet.
    a.sessions + a.tunnels - (b.sessions + b.tunnels)
  )
}

function stepsOf({ bytesPerSecond }: WorkerChoice): number {
  return Math.floor(bytesPerSecond / STEP_BYTES)
}
