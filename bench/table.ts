/**
 * A result as a table: an entry per row, its medians with the spread of the first metric, the ratio to the reference.
 *
 * @module
 */

import type { Result } from './rounds.ts'
import { present, series } from './series.ts'
import { ratios, type Spread, spread } from './statistics.ts'
import type { Metric } from './workload.ts'

export interface Table {
  readonly title: string
  readonly head: readonly string[]
  /** A row of two cells is an entry that failed in every round, and why. */
  readonly rows: readonly (readonly string[])[]
}

/** @param names entries in the order of their rows; those that took no part are left out. */
export function tableOf({ workload, rounds }: Result, names: readonly string[], reference: string): Table {
  const [headline, ...others] = workload.metrics
  const rows = names
    .filter((name) => rounds.some((round) => name in round.samples || name in round.errors))
    .map((name) => {
      const failed = rounds.filter((round) => name in round.errors)
      const why = failed[0] && firstLine(failed[0].errors[name]!)
      if (why && failed.length === rounds.length) return [name, why]
      const values = series({ workload, rounds }, name, headline!.name)
      const ours = series({ workload, rounds }, reference, headline!.name)
      return [
        why ? `${name} (${why})` : name,
        withSpread(spread(present(values)), headline!.digits),
        name === reference ? '' : withSpread(ratios(ours, values), 2),
        ...others.map(({ name: metric, digits }) => {
          const found = spread(present(series({ workload, rounds }, name, metric)))
          return found ? found.median.toFixed(digits) : ''
        }),
      ]
    })
  return {
    title: `${workload.title}; ${headline!.better} ${headline!.name} is better`,
    head: ['', unitName(headline!), `${reference} ÷ it`, ...others.map(unitName)],
    rows,
  }
}

function unitName({ name, unit }: Metric): string {
  return unit ? `${name} ${unit}` : name
}

function withSpread(value: Spread | undefined, digits: number): string {
  if (!value) return ''
  const text = value.median.toFixed(digits)
  return value.count > 1 ? `${text} (${value.min.toFixed(digits)}–${value.max.toFixed(digits)})` : text
}

function firstLine(text: string): string {
  return text.split('\n').slice(0, 2).join(' ').slice(0, 120)
}

/** For a terminal: names to the left, figures to the right. */
export function tableText({ head, rows }: Table): string {
  const all = [head, ...rows]
  const full = all.filter((row) => row.length > 2)
  const widths = head.map((_, column) => Math.max(...full.map((row) => row[column]?.length ?? 0)))
  widths[0] = Math.max(...all.map((row) => row[0]!.length))
  return all
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))),
    )
    .map((row) => `  ${row.join('  ').trimEnd()}`)
    .join('\n')
}

export function tableMarkdown({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'))
  return [
    line(head),
    line(rule),
    ...rows.map((row) => line([...row, ...head.slice(row.length).map(() => '')])),
  ].join('\n')
}
