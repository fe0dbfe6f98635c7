import { type ChildProcess, fork } from 'node:child_process'
import { backoffMs } from '../../base/backoff.ts'
import { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { Parting } from '../../base/parting.ts'
import { faultFromMessage } from '../../link/control/fault-message.ts'
import type { Order, PartReport } from './messages.ts'
import type { ServerOptions } from './options.ts'

export interface KeptPartOptions {
  readonly name: 'control' | 'edge'
  readonly options: ServerOptions
  readonly log: Log
  readonly onNews: (news: PartReport) => void
  /** It ended unasked; told before it is started again. */
  readonly onEnded: (fault: Fault) => void
}

const RESTART = { baseMs: 100, capMs: 30_000 }
/** One that ran this long was well: the next end is the first again. */
const STABLE_MS = 10_000
/** Those of the program itself: not what this process was started with besides, a test runner's for instance. */
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning']
/** What was asked to end has this long. */
const END_MS = 5000

/** One part of a server, as a process of its own: started again whenever it ends, until it is asked to end. */
export class KeptPart implements AsyncDisposable {
  readonly #o: KeptPartOptions
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #again: NodeJS.Timeout | undefined
  #failures = 0
  #stopping = false
  /** Why it is stopped, told with that. */
  parting: Parting | undefined

  constructor(options: KeptPartOptions) {
    this.#o = options
  }

  start(): void {
    const { name, options, log, onNews, onEnded } = this.#o
    const startedMs = performance.now()
    const child = fork(new URL(`./${name}-main.ts`, import.meta.url), [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      cwd: options.stateDir, // paths of Unix sockets are short from there
      execArgv: NODE_FLAGS,
    })
    this.#child = child
    let fault: Fault | undefined
    child.on('message', (news: PartReport) => {
      if (news.is === 'failed') fault = faultFromMessage(news.fault)
      else onNews(news)
    })
    this.#ended = new Promise((resolve) => {
      const over = (how: string) => {
        if (this.#child !== child) return
        this.#child = undefined
        resolve()
        if (this.#stopping) return
        fault ??= new Fault('INTERNAL', `the ${name} process exited: ${how}`, { hop: name })
        if (performance.now() - startedMs >= STABLE_MS) this.#failures = 0
        const waitMs = Math.round(RESTART.baseMs + backoffMs(this.#failures++, RESTART))
        log.error(
          { event: 'part.ended', part: name, pid: child.pid, how, code: fault.code, waitMs },
          `The ${name} process exited: ${how}`,
        )
        onEnded(fault)
        if (!this.#stopping) this.#again = setTimeout(() => this.start(), waitMs)
      }
      child.once('error', (error) => over(error.message))
      child.once('exit', (code, signal) => over(signal ?? `exit ${code}`))
    })
    log.info(
      { event: 'part.started', part: name, pid: child.pid },
      `The ${name} process has pid ${child.pid}`,
    )
    this.send({ do: 'start', options })
  }

  /** @returns false when it does not run now. */
  send(order: Order): boolean {
    if (!this.#child?.connected) return false
    this.#child.send(order, () => {}) // an error is its end, which is told
    return true
  }

  /** Resolves when it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#again)
    this.send({ do: 'stop', parting: this.parting })
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), END_MS)
    await this.#ended
    clearTimeout(timer)
  }
}
