/**
 * Owner of the processes of one path: starts them, waits until they listen, ends them.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { patience } from '../lab/pace.ts'
import { takesConnections } from '../src/base/takes-connections.ts'
import { descendants } from './usage.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Child {
  readonly name: string
  readonly pid: number
  /** When it was started, in ms since the epoch: the clock of log lines. */
  readonly startedMs: number
  readonly logFile: string
}

const LISTEN_POLL_MS = 20
/** A program that starts beside many others on a busy machine takes its time; one that hangs takes for ever. */
const START_MS = 60_000
const TERM_GRACE_MS = 1500

export class Children implements AsyncDisposable {
  readonly #dir: string
  readonly #running = new Map<Child, ChildProcess>()
  readonly #started: Child[] = []

  /** @param dir where the log file of each child goes. */
  constructor(dir: string) {
    this.#dir = dir
  }

  start(
    name: string,
    command: readonly [string, ...string[]],
    { namespace, env = {} }: { namespace?: string; env?: NodeJS.ProcessEnv } = {},
  ): Child {
    const [file, ...args] = namespace ? (['ip', 'netns', 'exec', namespace, ...command] as const) : command
    const logFile = path.join(this.#dir, `${name}.log`)
    const log = openSync(logFile, 'w')
    const startedMs = Date.now()
    const child = spawn(file, args, {
      stdio: ['ignore', log, log],
      env: { ...process.env, NO_COLOR: '1', ...env },
    })
    closeSync(log)
    child.on('error', () => {})
    if (child.pid === undefined) throw new Error(`Cannot start ${name}: ${file} did not run`)
    const started = { name, pid: child.pid, startedMs, logFile }
    this.#running.set(started, child)
    this.#started.push(started)
    return started
  }

  /** Resolves when `child` has ended. @throws {Error} when it fails. */
  async finished(child: Child): Promise<void> {
    const running = this.#running.get(child)!
    if (running.exitCode === null && running.signalCode === null) await once(running, 'exit')
    this.#running.delete(child)
    if (running.exitCode !== 0) throw new Error(`${child.name} failed:\n${tail(child.logFile)}`)
  }

  /** Resolves once something accepts at `at`. @throws {Error} with the end of the log when `child` dies or stays deaf. */
  async listening(child: Child, at: Address, timeoutMs = START_MS): Promise<void> {
    await this.until(child, () => takesConnections(at), `listen on ${at.host}:${at.port}`, timeoutMs)
  }

  /** Polls `reached` while `child` lives. */
  async until(
    child: Child,
    reached: () => boolean | Promise<boolean>,
    what: string,
    timeoutMs = START_MS,
  ): Promise<void> {
    const running = this.#running.get(child)!
    const endMs = performance.now() + patience(timeoutMs)
    while (!(await reached())) {
      if (running.exitCode !== null || running.signalCode !== null) {
        throw new Error(`${child.name} exited before it could ${what}:\n${tail(child.logFile)}`)
      }
      if (performance.now() > endMs) {
        throw new Error(`${child.name} did not ${what} within ${timeoutMs} ms:\n${tail(child.logFile)}`)
      }
      await delay(LISTEN_POLL_MS)
    }
  }

  /** Those that nobody stopped and that run no more. */
  get ended(): Child[] {
    return [...this.#running]
      .filter(([, it]) => it.exitCode !== null || it.signalCode !== null)
      .map(([child]) => child)
  }

  /** The end of every log, of those that were stopped too. */
  get lastWords(): string {
    return this.#started
      .map((child) => ({ child, words: tail(child.logFile) }))
      .filter(({ words }) => words !== '')
      .map(({ child: { name }, words }) => `${name}:\n${words.replace(/^/gm, '    ')}`)
      .join('\n')
  }

  /** Ends one child and what it started. */
  async stop(child: Child, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const running = this.#running.get(child)
    if (!running) return
    this.#running.delete(child)
    const family = descendants(child.pid)
    const gone = running.exitCode !== null || running.signalCode !== null ? undefined : once(running, 'exit')
    running.kill(signal)
    await Promise.race([gone, delay(TERM_GRACE_MS)])
    for (const pid of [child.pid, ...family]) kill(pid)
    await gone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((child) => this.stop(child)))
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Already gone, which is what is wanted.
  }
}

/** What a log must not show once more. */
const SECRET = /"token"/

/** The last lines of a log, for an error a person reads. */
export function tail(file: string, lines = 12): string {
  const all = readFileSync(file, 'utf8').trimEnd().split('\n')
  return all
    .filter((line) => !SECRET.test(line))
    .slice(-lines)
    .join('\n')
}
