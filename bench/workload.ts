/**
 * What a workload is.
 *
 * @module
 */

import type { Path, Role, Site } from './path.ts'

export interface Metric {
  readonly name: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  /** Digits after the point in the table. */
  readonly digits: number
}

/** One value per metric name; a metric that does not apply to a peer is absent. */
export type Sample = Readonly<Record<string, number>>

export interface Subject {
  readonly path: Path
  /** The same peer once more, fresh, for workloads that must not meet the traces of others. */
  fresh(site?: Pick<Site, 'looksDir'>): Promise<Path>
  /** With a folder for this sample only. */
  readonly site: Site
  readonly seconds: number
  readonly quick: boolean
  /** Of the sizes of what goes on for long. */
  readonly long: number
}

export interface Workload {
  readonly name: string
  readonly title: string
  /** The first is what ratios between peers are made of. */
  readonly metrics: readonly Metric[]
  /** Runs against these only; absent means every peer. */
  readonly onlyFor?: (peer: { name: string; hasProcesses: boolean }) => boolean
  /** What this machine has not that it takes, and how to get it. */
  readonly lacking?: () => string | undefined
  /** Repeating it adds nothing: it runs in so many rounds at most. */
  readonly maxRounds?: number
  measure(subject: Subject): Promise<Sample>
}

/** A figure that cannot be had, though the path serves. */
export class Unmeasurable extends Error {}

/** Names of the per-role columns, for example `cpu edge`. */
export function perRole<T>(prefix: string, value: (role: Role) => T | undefined): Record<string, T> {
  const result: Record<string, T> = {}
  for (const role of ['client', 'edge', 'connector'] as const) {
    const found = value(role)
    if (found !== undefined) result[`${prefix} ${role}`] = found
  }
  return result
}

export function roleMetrics(prefix: string, unit: string, digits: number): Metric[] {
  return Object.keys(perRole(prefix, () => 0)).map((name) => ({ name, unit, better: 'lower', digits }))
}

/** Before counting starts; code gets compiled and windows grow in it. */
export function warmMs(seconds: number): number {
  return Math.min(1000, seconds * 500)
}
