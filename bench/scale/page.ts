/**
 * `bin/node bench/scale/page.ts RESULT.json` prints the table of the section "At size" of docs/benchmarks.md.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { FIGURES } from './figures.ts'
import { resultsMarkdown, type SizedResult } from './results.ts'

const file = process.argv[2]
if (file === undefined) {
  console.error('usage: bin/node bench/scale/page.ts RESULT.json')
  process.exit(64)
}
const { startedAt, machine, sizes, results } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly startedAt: string
  readonly machine: Readonly<Record<string, string | number>>
  readonly sizes: readonly number[]
  readonly results: readonly SizedResult[]
}
const { cores, cpu, memoryGb, kernel, node } = machine
const measured = FIGURES.filter(({ name }) => results.some((one) => one.name === name))
console.log(
  `${startedAt.slice(0, 10)}; ${cores} × ${cpu}, ${memoryGb} GB, Linux ${kernel}, Node ${node}.\n\n${resultsMarkdown(measured, sizes, results)}`,
)
