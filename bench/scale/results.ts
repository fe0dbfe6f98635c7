/**
 * Results as a table: a figure per row, a column per size, goal, met or not, and growth with ten times as much.
 *
 * @module
 */
import { LOOP_BUDGET_MS } from '../../src/base/loop-watch.ts'
import { type Table, tableMarkdown, tableText } from '../table.ts'
import type { Figure, Measured, Statistic } from './figure.ts'

export interface SizedResult extends Measured {
  readonly name: string
  readonly size: number
  /** It could not be made. */
  readonly error?: string
}

export function statisticOf(statistic: Statistic, values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  const share = { p99: 0.99, median: 0.5, max: 1 }[statistic]
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
}

/** For the terminal, while it runs. */
export function figureOf(figure: Figure, { size, ms, cpuMs, heldMs, note, error }: SizedResult): string {
  const head = `  ${String(size).padStart(6)}  ${figure.name.padEnd(24)}`
  if (error !== undefined) return `${head}failed: ${error.split('\n', 3).join(' ')}`
  const value = (values: readonly number[] | undefined) =>
    withUnit(statisticOf(figure.statistic, values ?? []))
  const cpu = cpuMs === undefined ? '' : `, cpu ${value(cpuMs)}`
  const held = heldMs === undefined ? '' : `, longest step ${withUnit(heldMs)}`
  return `${head}${value(ms).padStart(9)} ${figure.statistic}${cpu}${held}${note ? `; ${note}` : ''}`
}

export function resultsTable(
  figures: readonly Figure[],
  sizes: readonly number[],
  results: readonly SizedResult[],
): Table {
  const rows = figures.map((figure) => {
    const each = sizes.map((size) => results.find((one) => one.name === figure.name && one.size === size))
    const values = each.map((one) => one && statisticOf(figure.statistic, one.cpuMs ?? one.ms))
    return [
      figure.title,
      figure.statistic,
      ...values.map((value, at) => (each[at]?.error === undefined ? withUnit(value) : 'failed')),
      growth(sizes, values),
      wall(figure, each.at(-1)),
      figure.goalMs === undefined ? '' : `≤ ${withUnit(figure.goalMs)}`,
      metOrNot(figure, values),
      held(figure, each),
    ]
  })
  const head = ['', '', ...sizes.map(String), '× per 10 ×', 'wall', 'goal', '', 'longest step']
  return { title: 'at size', head, rows }
}

export function resultsText(...of: Parameters<typeof resultsTable>): string {
  return tableText(resultsTable(...of))
}

export function resultsMarkdown(...of: Parameters<typeof resultsTable>): string {
  return tableMarkdown(resultsTable(...of))
}

/** From the second size to the last: at the first most of the time is what any question costs. */
function growth(sizes: readonly number[], values: readonly (number | undefined)[]): string {
  const from = Math.max(0, sizes.length - 2)
  const [first, last] = [values[from], values.at(-1)]
  if (!first || !last || from === sizes.length - 1) return ''
  const tens = Math.log10(sizes.at(-1)! / sizes[from]!)
  return ((last / first) ** (1 / tens)).toFixed(1)
}

/** Where the figure is CPU: what the clock on the wall says, with all that shares the machine. */
function wall({ statistic }: Figure, last: SizedResult | undefined): string {
  return last?.cpuMs === undefined ? '' : withUnit(statisticOf(statistic, last.ms))
}

function metOrNot({ goalMs }: Figure, values: readonly (number | undefined)[]): string {
  const last = values.at(-1)
  if (goalMs === undefined || last === undefined) return ''
  return last <= goalMs ? 'met' : '**missed**'
}

function held({ mayHold }: Figure, results: readonly (SizedResult | undefined)[]): string {
  const longest = results.at(-1)?.heldMs
  if (longest === undefined) return ''
  const text = withUnit(longest)
  return longest <= LOOP_BUDGET_MS || mayHold ? text : `**${text}**`
}

function withUnit(ms: number | undefined): string {
  if (ms === undefined) return ''
  if (ms < 0.01) return `${(ms * 1000).toFixed(1)} µs`
  if (ms < 1) return `${Math.round(ms * 1000)} µs`
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}
