/**
 * Everything that is measured, in the order it runs.
 *
 * @module
 */

import type { Workload } from './workload.ts'
import { bringUp } from './workloads/bring-up.ts'
import { bulkDown, bulkUp, streams8 } from './workloads/bulk.ts'
import { keepAlive, oneShot } from './workloads/http.ts'
import { idleMemory } from './workloads/idle-memory.ts'
import { idlePipes } from './workloads/idle-pipes.ts'
import { longTransfer } from './workloads/long-transfer.ts'
import { sessionsAlone, sessionsMany } from './workloads/new-sessions.ts'
import { roundTrips } from './workloads/round-trips.ts'
import { stalledReader } from './workloads/stalled-reader.ts'

export const WORKLOADS: readonly Workload[] = [
  bulkDown,
  bulkUp,
  streams8,
  keepAlive,
  oneShot,
  roundTrips,
  sessionsAlone,
  sessionsMany,
  stalledReader,
  idleMemory,
  idlePipes,
  longTransfer,
  bringUp,
]

export function selectWorkloads(names: readonly string[]): Workload[] {
  const unknown = names.find((name) => !WORKLOADS.some((workload) => workload.name === name))
  if (unknown)
    throw new Error(`Cannot run ${unknown}: known workloads are ${WORKLOADS.map((w) => w.name).join(', ')}`)
  return WORKLOADS.filter((workload) => names.length === 0 || names.includes(workload.name))
}
