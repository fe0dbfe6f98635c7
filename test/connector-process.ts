import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

const PROGRAM = path.join(import.meta.dirname, '..', 'bin', 'backstitch')

export interface LogLine {
  readonly event: string
  readonly msg: string
  readonly [field: string]: unknown
}

export interface ConnectorProcessOptions {
  readonly stateDir: string
  readonly keyFile: string
  /** Dies there as by `kill -9`: base/failpoint.ts. */
  readonly failpoint?: string
  /** Runs as this user, where the test is root. */
  readonly uid?: number
  readonly flags?: readonly string[]
}

/** `backstitch connector` as an operator runs it, in a process of its own; disposed, it is gone. */
export class ConnectorProcess implements AsyncDisposable {
  readonly child: ChildProcess
  /** Log so far. */
  readonly lines: LogLine[] = []
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  readonly #waiting = new Map<string, PromiseWithResolvers<LogLine>>()

  constructor(o: ConnectorProcessOptions) {
    const flags = [
      '--config',
      existsSync(`${o.stateDir}.yaml`) ? `${o.stateDir}.yaml` : '/dev/null',
      '--state',
      o.stateDir,
      '--key-file',
      o.keyFile,
      '--drain',
      '0',
    ]
    this.child = spawn(PROGRAM, ['connector', ...flags, ...(o.flags ?? [])], {
      stdio: ['ignore', 'inherit', 'pipe'],
      env: {
        ...process.env,
        NODE_ENV: 'test',
        BACKSTITCH_FAILPOINT: o.failpoint ?? '',
        HTTPS_PROXY: undefined,
      },
      ...(o.uid === undefined ? {} : { uid: o.uid, gid: o.uid }),
    })
    const read = createInterface(this.child.stderr!)
    read.on('line', (text) => this.#take(text))
    this.exited = Promise.all([once(this.child, 'exit'), once(read, 'close')]).then(([[code, signal]]) => {
      for (const { reject } of this.#waiting.values()) {
        reject(
          new Error(`the connector ended (${code ?? signal}); its last words: ${this.lines.at(-1)?.msg}`),
        )
      }
      return { code, signal }
    })
  }

  get pid(): number {
    return this.child.pid!
  }

  /** The first line of this event, past or to come. Rejects if the process ends without it. */
  event(name: string): Promise<LogLine> {
    const past = this.lines.find((line) => line.event === name)
    if (past !== undefined) return Promise.resolve(past)
    const waiting = this.#waiting.get(name) ?? Promise.withResolvers<LogLine>()
    this.#waiting.set(name, waiting)
    waiting.promise.catch(() => {}) // whoever still waits hears it; nobody else must
    return waiting.promise
  }

  #take(text: string): void {
    let line: LogLine
    try {
      line = JSON.parse(text)
    } catch {
      line = { event: 'text', msg: text } // a crash writes no JSON
    }
    this.lines.push(line)
    this.#waiting.get(line.event)?.resolve(line)
    this.#waiting.delete(line.event)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
  }
}
