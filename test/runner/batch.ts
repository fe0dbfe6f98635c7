/**
 * Test files in one process, watched: it may take as long as it needs while it gets on.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { paceEnv } from '../../lab/pace.ts'
import type { Progress } from './progress.ts'
import type { Outcome } from './reporter.ts'

export interface Failure {
  readonly where: string
  readonly name: string
  readonly text: string
}

export interface BatchResult {
  readonly files: readonly string[]
  readonly passed: number
  /** How many of them in which file. */
  readonly passedIn: ReadonlyMap<string, number>
  readonly failures: readonly Failure[]
  readonly skips: readonly string[]
  readonly tookMs: number
  /** Of the process and of those it started; 0 when it was killed. */
  readonly cpuMs: number
}

interface BatchOptions {
  readonly quietMs: number
  readonly pace: number
  readonly progress: Progress
  /** File for its outcomes. */
  readonly report: string
  /** Where what it writes for a while goes. */
  readonly scratch?: string
}

const OUTPUT_KEPT_CHARS = 4000
const LOOK_MS = 500

export async function runBatch(
  files: readonly string[],
  { quietMs, pace, progress, report, scratch }: BatchOptions,
): Promise<BatchResult> {
  const startedMs = performance.now()
  const running = progress.begin(files)
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
      env: {
        ...process.env,
        NODE_TEST_CONTEXT: undefined,
        ...paceEnv(pace),
        ...(scratch === undefined ? {} : { TMPDIR: scratch }),
      },
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
  let lastMs = startedMs
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_KEPT_CHARS)
      running.said = text.trimEnd().split('\n').at(-1)!
      lastMs = performance.now()
    })
  }
  let late = false
  const limitMs = quietMs * pace
  const watch = setInterval(() => {
    const tests = readOutcomes(report).length
    if (tests > running.tests) lastMs = performance.now()
    running.tests = tests
    if (performance.now() - lastMs < limitMs) return
    late = true
    killGroup()
  }, LOOK_MS)
  process.once('exit', killGroup)
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null]
  clearInterval(watch)
  process.off('exit', killGroup)
  killGroup()

  const outcomes = readOutcomes(report)
  const failures = outcomes
    .filter((outcome) => outcome.is === 'fail')
    .map(({ name, where, text }) => ({ where, name, text }))
  if (late) {
    const text = `killed: it ended no test and wrote nothing for ${Math.round(limitMs / 1000)} s`
    failures.push({ where: files.join(' '), name: 'did not end', text })
  } else if (status !== 0 && failures.length === 0) {
    failures.push({ where: files.join(' '), name: 'did not run', text: `exit ${signal ?? status}` })
  }
  const last = failures.at(-1)
  if (last !== undefined && output.trim() !== '') {
    failures.splice(-1, 1, { ...last, text: `${last.text}\n--- output ---\n${output.trim()}` })
  }
  const passes = outcomes.flatMap((outcome) => (outcome.is === 'pass' ? [outcome.file] : []))
  const passed = passes.length
  const passedIn = new Map([...Map.groupBy(passes, (file) => file)].map(([file, all]) => [file, all.length]))
  running.tests = passed
  progress.end(running)
  return {
    ...{ files, passed, passedIn, failures, tookMs: performance.now() - startedMs },
    skips: outcomes.flatMap((outcome) => (outcome.is === 'skip' ? [outcome.reason] : [])),
    cpuMs: outcomes.reduce((sum, outcome) => (outcome.is === 'used' ? sum + outcome.cpuMs : sum), 0),
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
