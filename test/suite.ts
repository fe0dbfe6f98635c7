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
}

const OUTPUT_KEPT_CHARS = 4000

export interface SuiteOptions {
  /** For one process, its exit included: a handle left open fails it, and what it started is killed with it. */
  readonly timeoutMs: number
  /** Processes at a time. */
  readonly parallel?: number
  /** Folders whose files keep no state of the process, and so may share one: starting it costs more than they do. */
  readonly sharing?: RegExp
}

/** Runs test files in processes of their own. */
export async function runSuite(
  files: readonly string[],
  { timeoutMs, parallel = availableParallelism(), sharing }: SuiteOptions,
): Promise<SuiteResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'backstitch-test-'))
  const waiting = batches(files, sharing)
  const done: SuiteResult[] = []
  const worker = async (): Promise<void> => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      done.push(await runBatch(batch, timeoutMs, path.join(folder, `${done.length}-${waiting.length}`)))
    }
  }
  try {
    await Promise.all(Array.from({ length: parallel }, worker))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    passed: done.reduce((sum, one) => sum + one.passed, 0),
    failures: done.flatMap((one) => one.failures),
    skips: done.flatMap((one) => one.skips),
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

async function runBatch(files: readonly string[], timeoutMs: number, report: string): Promise<SuiteResult> {
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
    .map((line) => JSON.parse(line) as Outcome)
}
