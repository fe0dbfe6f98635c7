/**
 * The checks of this project, one line for each stage. `npm test`: what breaks often and what everything rests on.
 * `npm run test:rest` (`--rest`): everything else. `npm run check` (`--check`): what looks at files, and unit tests
 * that depend on something that has changed since they passed here; all unit tests with `--all`. A path runs only the
 * test files whose name contains it, of whichever command. `--slowest` tells which files took the longest.
 *
 * Changes nothing on the machine. With CI=true it installs the Debian packages that tests use, knows of no run before,
 * and a skipped test is a failure. The last line is `N passed, N failed`; the exit code is 0 when nothing failed.
 *
 * @module
 */
import path from 'node:path'
import { parseArgs } from 'node:util'
import { measurePace } from '../lab/pace.ts'
import { installPackages } from './install.ts'
import { LOOKS } from './runner/looks.ts'
import { PassedFiles } from './runner/passed.ts'
import { RunReport, type StageResult } from './runner/report.ts'
import { filesOf, STAGES, type Stage } from './runner/stages.ts'
import { runSuite } from './runner/suite.ts'

process.chdir(path.dirname(import.meta.dirname))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rest: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    slowest: { type: 'boolean', default: false },
  },
})
const [only] = positionals
const ci = /^(1|true)$/.test(process.env.CI ?? '')
/** Slower than this is worth a word. */
const NOTABLE_PACE = 1.5
const SLOWEST = 8

// The exit hook of a running suite ends what it started.
process.on('SIGINT', () => process.exit(130)).on('SIGTERM', () => process.exit(143))

const report = new RunReport({ slowest: values.slowest || ci ? SLOWEST : 0 })
if (ci && !values.check) {
  const problem = await timed(async () => installed(installPackages((line) => console.log(line))))
  if (problem.failures.length > 0) report.stage('packages', problem)
}
const looks = only !== undefined || values.rest ? [] : Object.entries(LOOKS)
const looking = looks.map(([, look]) => timed(async () => resultOf(await look())))
for (const [name] of looks) report.stage(name, await looking.shift()!)

for (const stage of STAGES) {
  if (only === undefined && stage.part !== (values.rest ? 'rest' : 'test')) continue
  if (values.check && stage.name !== 'unit') continue
  const files = filesOf(stage).filter((file) => only === undefined || file.includes(only))
  if (files.length > 0) report.stage(stage.name, await timed(() => run(stage, files)))
}
process.exitCode = report.end({ strict: ci }) > 0 ? 1 : 0

async function run(stage: Stage, files: readonly string[]): Promise<Omit<StageResult, 'seconds'>> {
  const pace = await measurePace()
  if (pace > NOTABLE_PACE) {
    console.log(
      `${stage.name.padEnd(10)} this machine is ${pace.toFixed(1)} times slower than a quiet one now: so are limits`,
    )
  }
  const cached = values.check && !ci && only === undefined ? new PassedFiles() : undefined
  const counts = new Map(files.map((file) => [file, values.all ? undefined : cached?.unchanged(file)]))
  const result = await runSuite(
    files.filter((file) => counts.get(file) === undefined),
    { ...stage, pace },
  )
  for (const batch of result.batches) {
    for (const file of batch.files) {
      const sure = batch.failures.length === 0 && batch.skips.length === 0
      // A test that a fixture makes is of the fixture's file: of one file alone all are its own.
      const tests = batch.files.length === 1 ? batch.passed : (batch.passedIn.get(file) ?? 0)
      if (sure) cached?.remember(file, tests)
      else cached?.forget(file)
    }
  }
  cached?.save()
  return { ...result, unchanged: [...counts.values()].reduce((sum: number, count) => sum + (count ?? 0), 0) }
}

async function timed(work: () => Promise<Omit<StageResult, 'seconds'>>): Promise<StageResult> {
  const startedMs = performance.now()
  return { ...(await work()), seconds: (performance.now() - startedMs) / 1000 }
}

function resultOf(failure: Parameters<RunReport['stage']>[1]['failures'][number] | undefined) {
  return failure === undefined ? { passed: 1, failures: [] } : { passed: 0, failures: [failure] }
}

function installed(problem: string | undefined) {
  return resultOf(problem === undefined ? undefined : { where: '', name: 'install packages', text: problem })
}
