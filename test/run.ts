/**
 * Every check of this project, in order, one line each: `npm test`. With `--fast` only those that take seconds:
 * `npm run check`. A path after it runs only the test files whose name contains it.
 *
 * Changes nothing on the machine. With CI=true it installs the Debian packages that tests use, and a skipped
 * test is a failure. The last line is `N passed, N failed`; the exit code is 0 when nothing failed.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { styleText } from 'node:util'
import { installPackages } from './install.ts'
import { runSuite, type SuiteOptions, type SuiteResult } from './suite.ts'

const root = path.dirname(import.meta.dirname)
process.chdir(root)
const fast = process.argv.includes('--fast')
const only = process.argv.slice(2).find((argument) => !argument.startsWith('-'))
/** Programs that write into a report write no colours. */
const plainEnv = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined }
const ci = /^(1|true)$/.test(process.env.CI ?? '')

interface Stage {
  readonly name: string
  /** Runs side by side with the others that look at files only; says so by running no test. */
  readonly looks?: boolean
  readonly slow?: boolean
  run(): SuiteResult | Promise<SuiteResult>
}

/** Folders of functions and values, where one test file cannot disturb the next. */
const VALUES = /^(src\/(api|base|cli|doctor|pki|policy|wire)|lab|bench)\//

const TESTS = {
  unit: '{src,lab,bench,test/edge,test/model}/**/*.test.ts',
  system: 'test/*.test.ts',
  endings: 'test/endings/*.test.ts',
  lab: 'test/lab/*.test.ts',
  interop: 'test/interop/*.test.ts',
}

const STAGES: readonly Stage[] = [
  { name: 'lock file', looks: true, run: checkLockFile },
  { name: 'test files', looks: true, run: checkTestFiles },
  { name: 'types', looks: true, run: () => program('tsc', '--noEmit') },
  { name: 'lint', looks: true, run: () => program('biome', 'check', '--error-on-warnings', '--colors=off') },
  { name: 'dead code', looks: true, run: () => program('knip', '--no-progress') },
  {
    name: 'unit',
    run: () => suite(TESTS.unit, { timeoutMs: 180_000, sharing: VALUES }),
  },
  { name: 'system', slow: true, run: () => suite(TESTS.system, { timeoutMs: 300_000 }) },
  // Every way in and every way to end, side by side: it needs the processors for itself. What takes minutes only waits.
  {
    name: 'endings',
    slow: true,
    run: () => suite(TESTS.endings, { timeoutMs: 600_000, parallel: 2 }),
  },
  // The lab shares the processors out itself, and runs again alone what failed beside others.
  {
    name: 'lab',
    slow: true,
    run: () => suite(TESTS.lab, { timeoutMs: 2_460_000, parallel: 1, once: true }),
  },
  {
    name: 'interop',
    slow: true,
    run: () => suite(TESTS.interop, { timeoutMs: 900_000, parallel: 1 }),
  },
]

// The exit hook of a running suite ends what it started.
process.on('SIGINT', () => process.exit(130)).on('SIGTERM', () => process.exit(143))

const NOTHING: SuiteResult = { passed: 0, failures: [], skips: [], onlyAlone: [] }

let passed = 0
let failed = 0
const skips: string[] = []

if (ci && !fast) {
  const problem = installPackages((line) => console.log(line))
  if (problem !== undefined) {
    failed++
    console.log(`packages  FAILED\n${indent(problem)}`)
  }
}
const stages = STAGES.filter((stage) => !(fast && stage.slow) && !(only !== undefined && stage.looks))
const looking = stages.filter((stage) => stage.looks).map((stage) => timed(stage))
for (const stage of stages.filter((one) => one.looks)) report(stage.name, await looking.shift()!)
for (const stage of stages.filter((one) => !one.looks)) report(stage.name, await timed(stage))
reportSkips()
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

async function timed(stage: Stage): Promise<SuiteResult & { seconds: number }> {
  const startedMs = performance.now()
  return { ...(await stage.run()), seconds: (performance.now() - startedMs) / 1000 }
}

function report(name: string, result: SuiteResult & { seconds: number }): void {
  if (result.passed + result.failures.length + result.skips.length === 0) return
  skips.push(...result.skips)
  passed += result.passed
  failed += result.failures.length
  const counts = [
    `${result.passed} passed`,
    ...(result.skips.length > 0 ? [`${result.skips.length} skipped`] : []),
    ...(result.failures.length > 0 ? [`${result.failures.length} failed`] : []),
  ].join(', ')
  const word = result.failures.length > 0 ? styleText('red', 'FAILED') : styleText('green', 'ok    ')
  console.log(`${name.padEnd(10)} ${word} ${`${result.seconds.toFixed(1)} s`.padStart(8)}  ${counts}`)
  for (const { where, name: test, text } of result.failures) {
    console.log(`\n  ${styleText('red', test)}  ${where}\n${indent(text)}\n`)
  }
  for (const { where, name: test, text } of result.onlyAlone) {
    console.log(`\n  passed only alone: ${test}  ${where}\n${indent(text)}\n`)
  }
}

function reportSkips(): void {
  if (skips.length === 0) return
  console.log(`\nskipped ${skips.length}${ci ? ', which fails the run because CI=true' : ''}:`)
  for (const [reason, same] of Map.groupBy(skips, (reason) => reason)) {
    const [what, command] = reason.split(': ', 2)
    console.log(`  ${same.length} ${same.length === 1 ? 'test' : 'tests'}: ${what}`)
    if (command !== undefined) console.log(`      ${command}`)
  }
  console.log('')
  if (ci) failed += skips.length
}

async function suite(pattern: string, options: SuiteOptions): Promise<SuiteResult> {
  const files = globSync(pattern)
    .filter((file) => only === undefined || file.includes(only))
    .sort()
  return files.length === 0 ? NOTHING : runSuite(files, options)
}

/** One program of node_modules/.bin as one check. */
async function program(name: string, ...args: string[]): Promise<SuiteResult> {
  const child = spawn(process.execPath, [path.join('node_modules', '.bin', name), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: plainEnv,
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
  }
  const [status] = (await once(child, 'close')) as [number | null]
  return status === 0 ? result() : result({ where: '', name: `${name} ${args.join(' ')}`, text })
}

/** Without an entry for every platform `npm ci` refuses; with `resolved` it would pin one registry host. */
function checkLockFile(): SuiteResult {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>
  }
  const problems: string[] = []
  for (const [name, entry] of Object.entries(lock.packages)) {
    if (entry.resolved !== undefined) problems.push(`${name} has a resolved URL`)
    for (const optional of Object.keys(entry.optionalDependencies ?? {})) {
      if (lock.packages[`node_modules/${optional}`] === undefined)
        problems.push(`${name} lists ${optional}, which has no entry`)
    }
  }
  return problems.length === 0
    ? result()
    : result({ where: 'package-lock.json', name: 'lock file is whole', text: problems.join('\n') })
}

/** A test file in a new folder would be run by nobody. */
function checkTestFiles(): SuiteResult {
  const run = new Set(Object.values(TESTS).flatMap((pattern) => globSync(pattern)))
  // What is outside asks programs that are on no machine made for one run.
  const all = globSync('{src,lab,bench,test,scripts}/**/*.test.ts', { exclude: ['test/outside/**'] })
  const left = all.filter((file) => !run.has(file))
  return left.length === 0
    ? result()
    : result({ where: 'test/run.ts', name: 'every test file is of a stage', text: left.join('\n') })
}

function result(...failures: { where: string; name: string; text: string }[]): SuiteResult {
  return { ...NOTHING, passed: failures.length === 0 ? 1 : 0, failures }
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '    ')
}
