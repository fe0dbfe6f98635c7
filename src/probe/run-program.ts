import { spawn } from 'node:child_process'
import { Tail } from '../base/tail.ts'

export interface ProgramResult {
  /** -1 when it was stopped by a signal or the time was over. */
  readonly status: number
  /** The end of it where it says more than is kept: what a log says last counts. */
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly signal: AbortSignal
  readonly timeoutMs?: number
  /** A search path and the C locale by default, so that output can be read. */
  readonly env?: NodeJS.ProcessEnv
  /** As much is kept of each of its outputs; what it says before is dropped as it comes. */
  readonly keepBytes?: number
}

const KEEP_BYTES = 1_000_000
/** Where service users rarely look and administrators' programs lie. */
const SEARCH = [process.env.PATH, '/usr/sbin', '/sbin', '/usr/bin', '/bin'].filter(Boolean).join(':')

const PLAIN = { PATH: SEARCH, LC_ALL: 'C', TZ: 'UTC' }

const NOT_RUN: readonly unknown[] = ['ENOENT', 'EACCES', 'EPERM']

/**
 * A program of the system, without a shell.
 *
 * @returns `undefined` if there is no such program, or this user may not run it: what it would have said stays unknown.
 */
export function runProgram(
  name: string,
  args: readonly string[],
  { signal, timeoutMs = 2000, env = PLAIN, keepBytes = KEEP_BYTES }: ProgramOptions,
): Promise<ProgramResult | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<ProgramResult | undefined>()
  const failed = (error: NodeJS.ErrnoException) => {
    if (NOT_RUN.includes(error.code)) resolve(undefined)
    else reject(error)
  }
  try {
    const child = spawn(name, args, {
      ...{ signal, timeout: timeoutMs, killSignal: 'SIGKILL' as const, env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [stdout, stderr] = [new Tail(keepBytes), new Tail(keepBytes)]
    const ended = (status: number) => resolve({ status, stdout: stdout.text, stderr: stderr.text })
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.name === 'AbortError') ended(-1)
      else failed(error)
    })
    // Out of descriptors it has no outputs, and says so in a moment: nobody would hear it without the line above.
    if (child.stdout === undefined) return promise
    child.stdout.on('data', (part: Buffer) => stdout.push(part))
    child.stderr.on('data', (part: Buffer) => stderr.push(part))
    // What it started may hold its outputs open for ever.
    child.on('exit', (code) => {
      if (code === null) for (const output of [child.stdout, child.stderr]) output.destroy()
    })
    child.on('close', (code) => ended(code ?? -1))
  } catch (error) {
    // Some errors are thrown, not told: EPERM of ping, whose file asks for a capability that no child may have.
    failed(error as NodeJS.ErrnoException)
  }
  return promise
}
