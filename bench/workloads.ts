/**
 * Everything that is measured, in the order it runs.
 *
 * @module
 */

import type { Skip } from './peers.ts'
import type { Workload } from './workload.ts'
import { bringUp } from './workloads/bring-up.ts'
import { bulkDown, bulkUp, streams8, streams8Up } from './workloads/bulk.ts'
import { gitClone, smb } from './workloads/files.ts'
import { keepAlive, oneShot } from './workloads/http.ts'
import { idleMemory } from './workloads/idle-memory.ts'
import { idlePipes } from './workloads/idle-pipes.ts'
import { longMemory } from './workloads/long-memory.ts'
import { manySessions } from './workloads/many-sessions.ts'
import { sessionsAlone, sessionsMany } from './workloads/new-sessions.ts'
import { roundTrips } from './workloads/round-trips.ts'
import { stalledReader } from './workloads/stalled-reader.ts'
import { workers } from './workloads/workers.ts'

export const WORKLOADS: readonly Workload[] = [
  bulkDown,
  bulkUp,
  streams8,
  streams8Up,
  keepAlive,
  oneShot,
  roundTrips,
  sessionsAlone,
  sessionsMany,
  stalledReader,
  smb,
  gitClone,
  idleMemory,
  manySessions,
  idlePipes,
  workers,
  longMemory,
  bringUp,
]

/**
 * Splits what was asked for into what can run here and what cannot, with the reason.
 *
 * @throws {Error} naming every workload that is not known, or asked for by name and not possible here.
 */
export function selectWorkloads(names: readonly string[]): { workloads: Workload[]; skipped: Skip[] } {
  const unknown = names.filter((name) => !WORKLOADS.some((workload) => workload.name === name))
  if (unknown.length > 0)
    throw new Error(
      `Cannot run ${unknown.join(', ')}: known workloads are ${WORKLOADS.map((w) => w.name).join(', ')}`,
    )
  const workloads: Workload[] = []
  const skipped: Skip[] = []
  for (const workload of WORKLOADS) {
    if (names.length > 0 && !names.includes(workload.name)) continue
    const reason = workload.lacking?.()
    if (reason === undefined) workloads.push(workload)
    else skipped.push({ name: workload.name, reason })
  }
  if (names.length > 0 && skipped.length > 0)
    throw new Error(skipped.map(({ name, reason }) => `Cannot run ${name}: ${reason}`).join('\n'))
  return { workloads, skipped }
}
