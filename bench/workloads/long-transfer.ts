/**
 * Ten gigabytes through one stream: memory must not grow with the bytes that have passed.
 *
 * @module
 */

import { Generator } from '../generator.ts'
import type { BulkLine, BulkRequest } from '../load/bulk.ts'
import { ROLES } from '../path.ts'
import { slope } from '../statistics.ts'
import { memoryKb } from '../usage.ts'
import { perRole, roleMetrics, type Sample, type Subject, type Workload } from '../workload.ts'

const STEP_BYTES = 500_000_000

export const longTransfer: Workload = {
  name: 'long-transfer',
  title: 'memory growth over 10 GB through one stream',
  metrics: [{ name: 'growth', unit: 'MB/GB', better: 'lower', digits: 2 }, ...roleMetrics('peak', 'MB', 0)],
  onlyFor: ({ name }) => name.startsWith('backstitch'),
  maxRounds: 1,
  measure,
}

async function measure({ fresh, quick }: Subject): Promise<Sample> {
  await using path = await fresh()
  const bytes = (quick ? 4 : 20) * STEP_BYTES
  const request: BulkRequest = {
    direction: 'down',
    streams: 1,
    at: path.to.source,
    warmMs: 1000,
    seconds: 0,
    bytes,
    progressBytes: STEP_BYTES,
  }
  await using load = Generator.load('bulk', request, 300_000)
  const points: Record<string, [number, number][]> = { client: [], edge: [], connector: [] }
  for (let line = await load.json<BulkLine>(); line.at !== 'done'; line = await load.json<BulkLine>()) {
    if (line.at !== 'progress') continue
    for (const role of ROLES) {
      const pids = path.processes[role]
      if (pids) points[role]!.push([line.bytes / 1e9, memoryKb(pids) / 1024])
    }
  }
  // The first fifth is the heap finding its size.
  const settled = (role: string) => points[role]!.slice(Math.floor(points[role]!.length / 5))
  const growth = ROLES.filter((role) => points[role]!.length > 0).map((role) => slope(settled(role)))
  return {
    growth: Math.max(...growth),
    ...perRole('peak', (role) => Math.max(...points[role]!.map(([, mb]) => mb))),
  }
}
