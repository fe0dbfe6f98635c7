/**
 * Processor time of each place of a chain between two looks. Other load on the machine slows a run down but hardly
 * changes this: where figures waver, compare these.
 *
 * @module
 */

import type { Path, Role } from './path.ts'
import { cpuSeconds } from './usage.ts'
import { type Metric, perRole, roleMetrics, type Sample } from './workload.ts'

/** @returns seconds per role since this call; calling it again looks again. */
export function startMeter(path: Path): () => Record<Role, number> {
  const roles = Object.entries(path.processes) as [Role, readonly number[]][]
  const look = () => Object.fromEntries(roles.map(([role, pids]) => [role, cpuSeconds(pids)]))
  const before = look()
  return () => {
    const after = look()
    return Object.fromEntries(roles.map(([role]) => [role, after[role]! - before[role]!])) as Record<
      Role,
      number
    >
  }
}

/** `cpu` and `cpu ROLE` of a sample; empty for a path without processes. */
export function costSample(seconds: Readonly<Record<Role, number>>, per: number): Sample {
  const each = perRole('cpu', (role) => (role in seconds ? seconds[role] / per : undefined))
  const values = Object.values(each)
  return values.length === 0 ? {} : { cpu: values.reduce((sum, value) => sum + value, 0), ...each }
}

export function costMetrics(unit: string, digits: number): Metric[] {
  return [{ name: 'cpu', unit, better: 'lower', digits }, ...roleMetrics('cpu', unit, digits)]
}
