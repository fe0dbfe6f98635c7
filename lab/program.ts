/**
 * Programs that run to their end, within a time.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { patience } from './pace.ts'

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly tookMs: number
  /** When the first of it was there to read. */
  readonly firstOutputMs?: number
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly timeoutMs?: number
  readonly input?: string
}

const TIMEOUT_MS = 60_000

/** Runs it, whatever comes of it. @throws {Error} if it cannot run or is not done in time. */
export async function finish(command: readonly string[], o: RunOptions = {}): Promise<Finished> {
  const [file, ...args] = command
  const timeoutMs = patience(o.timeoutMs ?? TIMEOUT_MS)
  const startedMs = performance.now()
  const child = spawn(file!, args, {
    env: { ...process.env, LC_ALL: 'C', ...o.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  child.stdin.on('error', () => {}) // it may end without reading
  child.stdin.end(o.input)
  let firstOutputMs: number | undefined
  child.stdout.once('data', () => {
    firstOutputMs = Math.round(performance.now() - startedMs)
  })
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  const tookMs = Math.round(performance.now() - startedMs)
  if (signal === 'SIGKILL' && tookMs >= timeoutMs) {
    throw new Error(`not done in ${timeoutMs} ms: ${command.join(' ')}\n${stdout}${stderr}`)
  }
  return { code, stdout, stderr, tookMs, firstOutputMs }
}

/** As `finish`. @returns What it printed. @throws {Error} with what it said unless it succeeds. */
export async function succeed(command: readonly string[], o?: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await finish(command, o)
  if (code === 0) return stdout
  throw new Error(`exit ${code}: ${command.join(' ')}\n${`${stdout}\n${stderr}`.trim().slice(-2000)}`)
}
