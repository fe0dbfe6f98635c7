import { execFile } from 'node:child_process'

export interface ProgramResult {
  /** -1 when it was ended by a signal or the time was over. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly signal: AbortSignal
  readonly timeoutMs?: number
  /** A search path and the C locale by default, so that output can be read. */
  readonly env?: NodeJS.ProcessEnv
}

const MAX_OUTPUT_BYTES = 1_000_000
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
  { signal, timeoutMs = 2000, env = PLAIN }: ProgramOptions,
): Promise<ProgramResult | undefined> {
  return new Promise((resolve, reject) => {
    const options = {
      signal,
      timeout: timeoutMs,
      killSignal: 'SIGKILL' as const,
      maxBuffer: MAX_OUTPUT_BYTES,
      env,
    }
    try {
      execFile(name, args, options, (error, stdout, stderr) => {
        const code = (error as { code?: number | string } | null)?.code
        if (NOT_RUN.includes(code)) resolve(undefined)
        else resolve({ status: error === null ? 0 : typeof code === 'number' ? code : -1, stdout, stderr })
      })
    } catch (error) {
      // Some errors are thrown, not told: EPERM of ping, whose file asks for a capability that no child may have.
      if (!NOT_RUN.includes((error as NodeJS.ErrnoException).code)) reject(error)
      else resolve(undefined)
    }
  })
}
