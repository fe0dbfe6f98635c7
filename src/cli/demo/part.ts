import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'

export interface PartOptions {
  /** What people call it. */
  readonly name: string
  readonly command: readonly string[]
  /** Standard error, and standard output unless `stdout` is taken, go here; the file of the run before becomes `.old`. */
  readonly log: string
  readonly env?: Readonly<Record<string, string>>
  /** Also a channel for messages, as of `process.send`. */
  readonly ipc?: boolean
  readonly cwd?: string
  /** How long it has to end by itself once it was asked to. */
  readonly endMs?: number
}

/** A part that was asked to end and did not within this time is killed: Ctrl-C takes two seconds at most. */
const END_MS = 1000
const LOG_LINES = 5

/** Variables of the person who starts the demo that would change what a part does. */
const CLEAN = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(BACKSTITCH_|NODE_OPTIONS$)/.test(name)),
)

/**
 * A child process whose standard input is its lifeline: it ends when that pipe closes, so also when this process
 * is killed. It leads a session of its own, so that Ctrl-C reaches this process alone.
 */
export class DemoPart implements AsyncDisposable {
  readonly name: string
  readonly child: ChildProcess
  /** How it ended: exit code or signal. */
  readonly ended: Promise<number | string>
  readonly #log: string
  readonly #endMs: number

  constructor({ name, command, log, env, ipc, cwd, endMs = END_MS }: PartOptions) {
    this.name = name
    this.#log = log
    this.#endMs = endMs
    mkdirSync(path.dirname(log), { recursive: true })
    try {
      renameSync(log, `${log}.old`)
    } catch {
      // The first run has none.
    }
    const file = openSync(log, 'a', 0o600)
    const [program = '', ...args] = command
    this.child = spawn(program, args, {
      stdio: ['pipe', 'pipe', file, ...(ipc ? (['ipc'] as const) : [])],
      // The edge is on this machine: a proxy of the person's environment does not lead to it.
      env: { ...CLEAN, BACKSTITCH_STOP_WITH_STDIN: '1', NO_PROXY: '*', no_proxy: '*', ...env },
      detached: true,
      cwd,
    })
    closeSync(file)
    this.child.stdin?.on('error', () => {}) // it ended before us
    this.ended = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'))
      this.child.on('error', (error) => resolve(error.message))
    })
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  /** The first thing it writes to standard output, up to and with `until`. Rejects if it ends before. */
  async output(until: string): Promise<string> {
    const stdout = this.child.stdout as Readable
    let text = ''
    const { promise, resolve } = Promise.withResolvers<string>()
    stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      if (text.includes(until)) resolve(text)
    })
    return Promise.race([
      promise,
      this.ended.then((how) => {
        throw new Error(`${this.name} exited (${how})\n${this.lastLines()}`)
      }),
    ])
  }

  lastLines(): string {
    try {
      const lines = readFileSync(this.#log, 'utf8')
        .trimEnd()
        .split('\n')
        .filter((line) => !/^\s+at /.test(line))
      return lines.slice(-LOG_LINES).join('\n')
    } catch {
      return ''
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null || this.pid === undefined) return
    if (this.child.connected) this.child.disconnect()
    this.child.stdin?.end()
    const timer = setTimeout(() => this.child.kill('SIGKILL'), this.#endMs)
    await once(this.child, 'exit')
    clearTimeout(timer)
  }
}
