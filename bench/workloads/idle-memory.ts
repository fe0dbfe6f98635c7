/**
 * What one idle session costs at each place: the slope of memory over the number of sessions held.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import { Generator } from '../generator.ts'
import type { Path } from '../path.ts'
import { slope } from '../statistics.ts'
import { memoryKb } from '../usage.ts'
import { perRole, roleMetrics, type Sample, type Subject, type Workload } from '../workload.ts'

/** Up to here every peer stays within 20 000 open files per process, at two per session. */
const STEPS = [250, 1000, 1750, 2500]
const QUICK_STEPS = [50, 100, 200]
/** Memory counts once two looks, so far apart, differ by less than a percent. */
const SETTLE_LOOK_MS = 400
const SETTLE_LOOKS = 10

export const idleMemory: Workload = {
  name: 'idle-memory',
  title: `memory per idle session, slope from ${STEPS[0]} to ${STEPS.at(-1)} sessions`,
  metrics: [{ name: 'memory', unit: 'kB', better: 'lower', digits: 1 }, ...roleMetrics('memory', 'kB', 1)],
  onlyFor: ({ name, hasProcesses }) => hasProcesses && !name.startsWith('nebula'),
  maxRounds: 2,
  measure,
}

async function measure({ fresh, quick }: Subject): Promise<Sample> {
  await using path = await fresh()
  await using holder = Generator.load('idle', path.to.echo, 120_000)
  const points: Record<string, [number, number][]> = { client: [], edge: [], connector: [] }
  for (const sessions of quick ? QUICK_STEPS : STEPS) {
    holder.send(`${sessions}`)
    await holder.line()
    const settled = await settledKb(path)
    for (const [role, kb] of Object.entries(settled)) points[role]!.push([sessions, kb])
  }
  const each = perRole('memory', (role) => (points[role]!.length > 0 ? slope(points[role]!) : undefined))
  return { memory: Object.values(each).reduce((sum, kb) => sum + kb, 0), ...each }
}

/** Of each place of the chain, once it hardly moves. */
export async function settledKb(path: Path): Promise<Record<string, number>> {
  const look = () =>
    Object.fromEntries(Object.entries(path.processes).map(([role, pids]) => [role, memoryKb(pids)]))
  let last = look()
  for (let looks = 0; looks < SETTLE_LOOKS; looks++) {
    await delay(SETTLE_LOOK_MS)
    const now = look()
    const moved = Object.keys(now).some((role) => Math.abs(now[role]! - last[role]!) > last[role]! / 100)
    last = now
    if (!moved) break
  }
  return last
}
