import type { Result } from './run-scenario.ts'

const HEAD = ['scenario', 'variant', 'noticed', 'verdict', 'recovered', 'cured', 'first line']

/** The results for people: one row each, what went wrong under it. */
export function tableText(results: readonly Result[]): string {
  const rows = results.map((one) => [
    one.scenario,
    one.variant,
    seconds(one.noticedMs),
    seconds(one.verdictMs),
    seconds(one.recoveredMs),
    curedText(one),
    one.skipped ?? one.verdict ?? '',
  ])
  const widths = HEAD.map((head, at) => Math.max(head.length, ...rows.map((row) => row[at]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd()
  const body = results.flatMap((one, at) => [
    line(rows[at]!),
    ...one.problems.flatMap(indented),
    ...(one.besideOthers === undefined
      ? []
      : ['    beside other labs:', ...one.besideOthers.flatMap(indented)]),
  ])
  return [line(HEAD), ...body, '', summary(results)].join('\n')
}

function curedText({ skipped, cured, besideOthers }: Result): string {
  if (skipped !== undefined) return 'skipped'
  if (!cured) return 'NO'
  return besideOthers === undefined ? 'yes' : 'alone'
}

function indented(problem: string): string[] {
  return problem.split('\n').map((text) => `    ${text}`)
}

function summary(results: readonly Result[]): string {
  const run = results.filter((one) => one.skipped === undefined)
  const cured = run.filter((one) => one.cured).length
  const noticed = spread('time to notice', results, ({ noticedMs }) => noticedMs)
  const verdict = spread('time to verdict', results, ({ verdictMs }) => verdictMs)
  return [`${cured} of ${run.length} fixed`, ...noticed, ...verdict].join('; ')
}

function spread(
  what: string,
  results: readonly Result[],
  timeOf: (result: Result) => number | undefined,
): string[] {
  const took = results.flatMap((one) => timeOf(one) ?? []).sort((a, b) => a - b)
  if (took.length === 0) return []
  return [`${what}: median ${seconds(took[Math.floor(took.length / 2)])}, worst ${seconds(took.at(-1))}`]
}

export function seconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1000).toFixed(1)} s`
}
