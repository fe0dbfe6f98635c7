/**
 * A program of the lab that goes on until it is told to stop, and the log it writes.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { patience } from './pace.ts'

export interface DaemonOptions {
  readonly name: string
  readonly command: readonly string[]
  readonly logFile: string
  readonly env?: NodeJS.ProcessEnv
  /** Goes on in the log of the one before. */
  readonly append?: boolean
}

export interface LogLine {
  readonly event?: string
  readonly code?: string
  readonly [field: string]: unknown
}

const GRACE_MS = 3000
const POLL_MS = 50

export class Daemon {
  readonly name: string
  readonly logFile: string
  readonly #child: ChildProcess

  constructor({ name, command, logFile, env, append = false }: DaemonOptions) {
    this.name = name
    this.logFile = logFile
    const log = openSync(logFile, append ? 'a' : 'w')
    const [file, ...args] = command
    this.#child = spawn(file!, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } })
    closeSync(log)
    this.#child.on('error', () => {}) // it shows as ended
  }

  get ended(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  get text(): string {
    return readFileSync(this.logFile, 'utf8')
  }

  /** Lines that are JSON, from a byte offset of the log: `mark()` says where the log stands. */
  lines(from = 0): LogLine[] {
    return this.text
      .slice(from)
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine)
  }

  mark(): number {
    return this.text.length
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Polls while the program lives. @throws {Error} with the end of its log. */
  async until(reached: () => boolean | Promise<boolean>, what: string, timeoutMs: number): Promise<void> {
    await until(
      async () => {
        if (await reached()) return true
        if (this.ended) throw new Error(`${this.name} exited before it could ${what}:\n${this.tail()}`)
        return false
      },
      () => `${this.name} did not ${what}:\n${this.tail()}`,
      timeoutMs,
    )
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    if (this.ended) return
    const gone = once(this.#child, 'exit')
    this.#child.kill(signal)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS)
    await gone
    clearTimeout(timer)
  }

  tail(): string {
    return this.text.trimEnd().split('\n').slice(-8).join('\n')
  }
}

/** Polls. @throws {Error} `late()` after `timeoutMs`, and longer where the machine is slow. */
export async function until(
  reached: () => boolean | Promise<boolean>,
  late: () => string,
  timeoutMs: number,
): Promise<void> {
  const startedMs = performance.now()
  while (!(await reached())) {
    const waitedMs = performance.now() - startedMs
    if (waitedMs > patience(timeoutMs)) throw new Error(`after ${Math.round(waitedMs / 1000)} s: ${late()}`)
    await delay(POLL_MS)
  }
}
