/**
 * `npm run bench:scale`: decisions and lists at three sizes, on a real store, against the goals of the design.
 * Timing never fails it; only a figure that could not be made does.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { machineFacts } from '../report.ts'
import type { At, Figure, Measured } from './figure.ts'
import { FIGURES } from './figures.ts'
import { figureOf, resultsText, type SizedResult } from './results.ts'
import { Worlds } from './world.ts'

const SIZES = [100, 1000, 10_000]

const USAGE = `npm run bench:scale -- [options]

  --sizes A,B        segments = rules = users; half as many connectors (default ${SIZES.join(',')})
  --only A,B         these figures only
  --worlds DIR       keep what is measured on there, and use it again
  --out FILE         write the JSON there (default bench/results/scale-DATE.json)
  --list             name the figures, and stop
  --help`

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string' },
      only: { type: 'string' },
      worlds: { type: 'string' },
      out: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return say(USAGE)
  const only = names(values.only)
  const figures = FIGURES.filter(({ name }) => only.length === 0 || only.includes(name))
  if (values.list) return say(figures.map(({ name, title }) => `  ${name.padEnd(24)}${title}`).join('\n'))
  const sizes = values.sizes === undefined ? SIZES : names(values.sizes).map(Number)
  const started = new Date()
  const dir = values.worlds ?? mkdtempSync(path.join(os.tmpdir(), 'backstitch-scale-'))
  if (values.worlds === undefined) process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  const results: SizedResult[] = []
  let failed = 0
  for (const size of sizes) {
    await using worlds = new Worlds(dir, size)
    for (const figure of figures) {
      progress(`${size}: ${figure.name}`)
      const result = await resultOf(figure, size, worlds)
      if (result.error !== undefined) failed++
      results.push(result)
      progress('')
      say(figureOf(figure, result))
    }
  }
  const out = values.out ?? resultFile(started)
  mkdirSync(path.dirname(out), { recursive: true })
  const machine = machineFacts()
  const report = { startedAt: started.toISOString(), machine, sizes, results }
  writeFileSync(out, `${JSON.stringify(report, null, 1)}\n`)
  say(`\n${resultsText(figures, sizes, results)}\n\n${path.relative(process.cwd(), out)}`)
  return failed === 0 ? 0 : 1
}

async function resultOf(figure: Figure, size: number, worlds: Worlds): Promise<SizedResult> {
  const { name, shape = 'usual' } = figure
  try {
    const world = shape === 'none' ? undefined : await worlds.of(shape)
    const at: At = {
      size,
      get world() {
        if (world === undefined)
          throw new TypeError(`Cannot use a world in ${name}: it said that it needs none`)
        return world
      },
    }
    const { ms, cpuMs, heldMs, note }: Measured = await figure.run(at)
    return { name, size, ms, cpuMs, heldMs, note }
  } catch (error) {
    return { name, size, ms: [], error: (error as Error).stack ?? String(error) }
  }
}

function resultFile(started: Date): string {
  const stamp = started.toISOString().slice(0, 19).replaceAll(':', '')
  return path.join(import.meta.dirname, '..', 'results', `scale-${stamp}.json`)
}

function names(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((name) => name !== '')
}

function say(text: string): 0 {
  console.log(text)
  return 0
}

/** What is going on now, on a terminal only, in a line that the next one replaces. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
