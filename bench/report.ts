/**
 * One run as a value: what the JSON file holds.
 *
 * @module
 */

import os from 'node:os'
import type { Isolation } from './isolation.ts'
import type { Options } from './options.ts'
import type { Skip } from './peers.ts'
import type { Result } from './rounds.ts'
import type { Verdict } from './verdicts.ts'

export interface Report {
  readonly startedAt: string
  readonly tookSeconds: number
  readonly machine: Readonly<Record<string, string | number>>
  readonly options: Options
  readonly isolation: Isolation
  /** The entry every ratio is made against, and its second name in the control. */
  readonly reference: string
  readonly peers: readonly {
    name: string
    title: string
    protection: string
    versions: string
    note?: string
  }[]
  readonly skipped: readonly Skip[]
  readonly results: readonly Result[]
  readonly verdicts: readonly Verdict[]
}

export const CONTROL_SUFFIX = '-again'

export function machineFacts(): Record<string, string | number> {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 1e9),
    kernel: os.release(),
    node: process.version,
  }
}

export function describeHeader(report: Report): string {
  const { machine, isolation, options, peers, skipped } = report
  return [
    `${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}`,
    `${options.rounds} rounds of ${options.seconds} s per sample · ${isolation.congestionControl}` +
      `${isolation.namespace ? ' · own namespaces' : ''}${options.quick ? ' · quick: not for quoting' : ''}`,
    ...isolation.notes,
    ...peers.map(({ name, title, protection, versions, note }) =>
      [`  ${name.padEnd(18)}${title}; encrypted: ${protection}`, versions, note].filter(Boolean).join('; '),
    ),
    ...skipped.map(({ name, reason }) => `  ${name.padEnd(18)}skipped: ${reason}`),
  ].join('\n')
}
