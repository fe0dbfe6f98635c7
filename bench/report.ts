/**
 * One run as a value (the JSON file) and as text (the terminal).
 *
 * @module
 */

import os from 'node:os'
import type { Isolation } from './isolation.ts'
import type { Options } from './options.ts'
import type { Skip } from './peers.ts'
import type { Entry, Result } from './rounds.ts'
import { ratios, type Spread, spread } from './statistics.ts'
import type { Verdict } from './verdicts.ts'
import type { Metric } from './workload.ts'

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

/** Values of one metric of one entry, a hole for each round that has none. */
export function series(result: Result, entry: string, metric: string): (number | undefined)[] {
  return result.rounds.map((round) => round.samples[entry]?.[metric])
}

export function medianOf(result: Result | undefined, entry: string, metric: string): number | undefined {
  return result && spread(present(series(result, entry, metric)))?.median
}

function present(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined)
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

/** One table: an entry per row, its medians with the spread of the first metric, and the ratio to the reference. */
export function describeResult({
  result,
  entries,
  reference,
}: {
  result: Result
  entries: readonly Entry[]
  reference: string
}): string {
  const { workload, rounds } = result
  const [headline, ...others] = workload.metrics
  const rows = entries
    .filter(({ name }) => rounds.some((round) => name in round.samples || name in round.errors))
    .map(({ name }) => {
      const failed = rounds.filter((round) => name in round.errors)
      if (failed.length === rounds.length) return [name, `failed: ${firstLine(failed[0]!.errors[name]!)}`]
      const values = series(result, name, headline!.name)
      const ratio = name === reference ? undefined : ratios(series(result, reference, headline!.name), values)
      return [
        failed.length > 0 ? `${name} (${failed.length} failed)` : name,
        withSpread(spread(present(values)), headline!),
        ratio ? `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})` : '',
        ...others.map((metric) => plain(spread(present(series(result, name, metric.name))), metric)),
      ]
    })
  const head = ['', unitName(headline!), `${reference} ÷ it`, ...others.map(unitName)]
  const better = `${headline!.better} ${headline!.name} is better`
  return `\n${workload.name}: ${workload.title}; ${better}\n${grid([head, ...rows])}`
}

function unitName({ name, unit }: Metric): string {
  return unit ? `${name} ${unit}` : name
}

function withSpread(value: Spread | undefined, { digits }: Metric): string {
  if (!value) return ''
  const text = value.median.toFixed(digits)
  return value.count > 1 ? `${text} (${value.min.toFixed(digits)}–${value.max.toFixed(digits)})` : text
}

function plain(value: Spread | undefined, { digits }: Metric): string {
  return value ? value.median.toFixed(digits) : ''
}

function firstLine(text: string): string {
  return text.split('\n').slice(0, 2).join(' ').slice(0, 120)
}

function grid(rows: readonly (readonly string[])[]): string {
  const full = rows.filter((row) => row.length > 2)
  const widths = (full[0] ?? []).map((_, column) => Math.max(...full.map((row) => row[column]?.length ?? 0)))
  widths[0] = Math.max(...rows.map((row) => row[0]!.length))
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))),
    )
    .map((row) => `  ${row.join('  ').trimEnd()}`)
    .join('\n')
}
