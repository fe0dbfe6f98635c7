import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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

/**
 * Runs test files, each in a process of its own, as many at a time as there are cores.
 *
 * @param timeoutMs For one file, its exit included: a handle left open fails the file, and what it started is
 *   killed with it.
 */
export async function runSuite(
  files: readonly string[],
  { timeoutMs, parallel = true }: { timeoutMs: number; parallel?: boolean },
): Promise<SuiteResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'backstitch-test-'))
  const waiting = [...files]
  const done: SuiteResult[] = []
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      done.push(
        await runFile(file, { timeoutMs, report: path.join(folder, `${file.replaceAll('/', '_')}.json`) }),
      )
    }
  }
  try {
    await Promise.all(Array.from({ length: parallel ? availableParallelism() : 1 }, worker))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    passed: done.reduce((sum, one) => sum + one.passed, 0),
    failures: done.flatMap((one) => one.failures),
    skips: done.flatMap((one) => one.skips),
  }
}

async function runFile(
  file: string,
  { timeoutMs, report }: { timeoutMs: number; report: string },
): Promise<SuiteResult> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      `--test-reporter=${path.join(import.meta.dirname, 'reporter.ts')}`,
      `--test-reporter-destination=${report}`,
      file,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
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
    .map(({ name, line, text }) => ({ where: line === undefined ? file : `${file}:${line}`, name, text }))
  if (late) {
    failures.push({ where: file, name: 'the file did not end', text: `killed after ${timeoutMs / 1000} s` })
  } else if (status !== 0 && failures.length === 0) {
    failures.push({ where: file, name: 'the file did not run', text: `exit ${signal ?? status}` })
  }
  const last = failures.at(-1)
  if (last !== undefined && output.trim() !== '') {
    failures.splice(-1, 1, { ...last, text: `${last.text}\n--- output of the file ---\n${output.trim()}` })
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
