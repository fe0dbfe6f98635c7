import os from 'node:os'
import { z } from 'zod'

const MOST = 16
/** Below this a process more costs what the sessions need. */
const SMALL_MACHINE_BYTES = 1 << 30

/** Processes that carry data: a number, or as many as suit the machine. 1: the main process carries it, and has no child. */
export const workersSetting = z.union([z.literal('auto'), z.number().int().min(1).max(MOST)]).default('auto')
export type WorkersSetting = z.output<typeof workersSetting>

/**
 * How many there are. Two at least, also on one processor: what is typed is not in the process that carries bulk.
 *
 * @param most Of `auto`, for a role that gains nothing by more.
 */
export function workerCount(
  setting: WorkersSetting,
  most = MOST,
  { cores = os.availableParallelism(), memoryBytes = memoryOfThis() } = {},
): number {
  if (setting !== 'auto') return setting
  if (memoryBytes < SMALL_MACHINE_BYTES) return 1
  return Math.min(most, MOST, Math.max(2, cores))
}

/** Of the machine, or of the group that this process is confined to. */
function memoryOfThis(): number {
  const confinedBytes = process.constrainedMemory()
  return Math.min(os.totalmem(), confinedBytes || Number.POSITIVE_INFINITY)
}
