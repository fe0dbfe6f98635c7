import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import type { Outcome } from './reporter.ts'

export interface Failure {
  readonly where: string
  readonly name: string
  readonly text: string
}
export interface SuiteResult {
  readonly passed: number
  readonly failures: readonly Failure[]
  /** The reason of each skipped test. */
  readonly skips: readonly string[]
  /** What failed beside other files, and passed when its file ran once more, alone. */
  readonly onlyAlone: readonly Failure[]
}

const OUTPUT_KEPT_CHARS = 4000
/** A busy machine fails a file or two. Where more fail it is the code, and running them again only takes time. */
const FILES_AGAIN = 5

export interface SuiteOptions {
  /** For one process, its exit included: a handle left open fails it, and what it started is killed with it. */
  readonly timeoutMs: number
  /** Processes at a time. */
  readonly parallel?: number
  /** Folders whose files keep no state of the process, and so may share one: starting it costs more than they do. */
  readonly sharing?: RegExp
  /** What failed is not run again: a file that takes minutes sees to that itself. */
  readonly once?: boolean
}

type BatchResult = Omit<SuiteResult, 'onlyAlone'>

/** Runs test files in processes of their own. What fails beside others runs once more, alone, and the result tells. */
export async function runSuite(
  files: readonly string[],
  { timeoutMs, parallel = availableParallelism(), sharing, once: onlyOnce = false }: SuiteOptions,
): Promise<SuiteResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'backstitch-test-'))
  const waiting = batches(files, sharing)
  const done = new Map<readonly string[], BatchResult>()
  const onlyAlone: Failure[] = []
  const run = (batch: readonly string[], report: string) =>
    runBatch(batch, timeoutMs, path.join(folder, report))
  const worker = async (): Promise<void> => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      done.set(batch, await run(batch, `${waiting.length}`))
    }
  }
  try {
    await Promise.all(Array.from({ length: parallel }, worker))
    const failed = [...done].filter(([, { failures }]) => failures.length > 0)
    for (const [batch, { failures }] of onlyOnce || failed.length > FILES_AGAIN ? [] : failed) {
      const again = await run(batch, `again-${onlyAlone.length}-${batch[0]!.replaceAll('/', '-')}`)
      done.set(batch, again)
      if (again.failures.length === 0) onlyAlone.push(...failures)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const results = [...done.values()]
  return {
    passed: results.reduce((sum, one) => sum + one.passed, 0),
    failures: results.flatMap((one) => one.failures),
    skips: results.flatMap((one) => one.skips),
    onlyAlone,
  }
}

const PER_PROCESS = 5

/** What runs in one process; the largest first, so that none is left for the end alone. */
function batches(files: readonly string[], sharing: RegExp | undefined): string[][] {
  const found: string[][] = []
  for (const [folder, inFolder] of Map.groupBy(files, (file) => path.dirname(file))) {
    const size = sharing?.test(folder) ? PER_PROCESS : 1
    for (let at = 0; at < inFolder.length; at += size) found.push(inFolder.slice(at, at + size))
  }
  const bytes = (batch: string[]) => batch.reduce((sum, file) => sum + statSync(file).size, 0)
  return found.sort((a, b) => bytes(b) - bytes(a))
}

async function runBatch(files: readonly string[], timeoutMs: number, report: string): Promise<BatchResult> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--test',
      '--test-isolation=none',
      `--test-reporter=${path.join(import.meta.dirname, 'reporter.ts')}`,
      `--test-reporter-destination=${report}`,
      ...files,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    },
  )
  // The child leads a process group, so that what a test started can be ended with it.
  const killGroup = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // The group is gone, as it should be.
    }
  }
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_KEPT_CHARS)
    })
  }
  let late = false
  const timer = setTimeout(() => {
    late = true
    killGroup()
  }, timeoutMs)
  process.once('exit', killGroup)
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null]
  clearTimeout(timer)
  process.off('exit', killGroup)
  killGroup()

  const outcomes = readOutcomes(report)
  const failures = outcomes
    .filter((outcome) => outcome.is === 'fail')
    .map(({ name, where, text }) => ({ where, name, text }))
  if (late) {
    failures.push({ where: files.join(' '), name: 'did not end', text: `killed after ${timeoutMs / 1000} s` })
  } else if (status !== 0 && failures.length === 0) {
    failures.push({ where: files.join(' '), name: 'did not run', text: `exit ${signal ?? status}` })
  }
  const last = failures.at(-1)
  if (last !== undefined && output.trim() !== '') {
    failures.splice(-1, 1, { ...last, text: `${last.text}\n--- output ---\n${output.trim()}` })
  }
  return {
    passed: outcomes.filter((outcome) => outcome.is === 'pass').length,
    failures,
    skips: outcomes.filter((outcome) => outcome.is === 'skip').map((outcome) => outcome.reason),
  }
}

function readOutcomes(report: string): Outcome[] {
  let text = ''
  try {
    text = readFileSync(report, 'utf8')
  } catch {
    return [] // the file failed to load
  }
  // A killed file may leave half a line.
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map(readOutcome)
}

/** A report that something else has written into is the failure of its file, not of the run. */
function readOutcome(line: string): Outcome {
  try {
    return JSON.parse(line) as Outcome
  } catch (error) {
    return { is: 'fail', name: 'its report can be read', where: '', text: (error as Error).message }
  }
}
