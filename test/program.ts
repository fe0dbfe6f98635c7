/**
 * Programs that run to their end, within a time, while this process goes on serving.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { patience } from '../lab/pace.ts'

export type Command = readonly [string, ...string[]]

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** What it reads; absent, its input is empty. */
  readonly input?: string | Buffer
  readonly timeoutMs?: number
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  /** Has it in hand while it runs: to send signals. */
  readonly started?: (child: ChildProcess) => void
}

const TIMEOUT_MS = 60_000
/** A timer takes no more. */
const LONGEST_MS = 2 ** 31 - 1

/** Runs `command` to its end, whatever that is. @throws {Error} if it cannot run or is not done in time. */
export async function finish(command: Command, o: RunOptions = {}): Promise<Finished> {
  const [file, ...args] = command
  const timeoutMs = Math.min(patience(o.timeoutMs ?? TIMEOUT_MS), LONGEST_MS)
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', ...o.env },
    cwd: o.cwd,
    ...(o.uid === undefined ? {} : { uid: o.uid, gid: o.gid }),
  })
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, timeoutMs)
  try {
    const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
    const [out, err] = [gather(child.stdout), gather(child.stderr)]
    child.stdin.on('error', () => {}) // it may end without reading all of it
    child.stdin.end(o.input)
    o.started?.(child)
    const [code, signal] = await ended
    const [stdout, stderr] = [out(), err()]
    if (late) throw new Error(`not done in ${timeoutMs} ms: ${command.join(' ')}\n${stdout}${stderr}`)
    return { code, signal, stdout, stderr }
  } finally {
    clearTimeout(timer)
  }
}

/** As `finish`. @returns What it printed. @throws {Error} with what it said unless its exit code is 0. */
export async function succeed(command: Command, options?: RunOptions): Promise<string> {
  const { code, signal, stdout, stderr } = await finish(command, options)
  if (code === 0) return stdout
  throw new Error(
    `exit ${signal ?? code}: ${command.join(' ')}\n${`${stdout}\n${stderr}`.trim().slice(-4000)}`,
  )
}

/** Runs a line of shell with `args` as `$1`, `$2` and so on; any part of a pipe that fails, fails it. */
export function shell(line: string, ...args: readonly string[]): Command {
  return ['bash', '-c', `set -euo pipefail; ${line}`, 'bash', ...args]
}

function gather(stream: Readable): () => string {
  const parts: Buffer[] = []
  stream.on('data', (part: Buffer) => parts.push(part))
  return () => Buffer.concat(parts).toString('utf8')
}
