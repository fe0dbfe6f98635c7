import { type ChildProcess, fork, type Serializable } from 'node:child_process'
import type net from 'node:net'
import { backoffMs } from './backoff.ts'
import { Fault, type Hop } from './faults.ts'
import type { Log } from './log.ts'

export interface KeptProcessOptions<Order extends object, News> {
  /** What it is for whoever reads the log: `event` is of this kind. */
  readonly kind: 'part' | 'worker'
  /** Which one of its kind, for log lines and faults. */
  readonly name: string
  readonly hop: Hop
  /** The file that it runs. */
  readonly entry: string
  readonly cwd?: string
  /** Longest pause before it is started again. */
  readonly restartCapMs?: number
  readonly log: Log
  /** What it is told first, and each time that it starts. */
  readonly first: () => Order
  /** What it is told to end in good order. */
  readonly last: () => Order
  readonly onNews: (news: News, socket: net.Socket | undefined) => void
  /** The fault of news that say why it ends; nothing for all other news. */
  readonly faultOf?: (news: News) => Fault | undefined
  /** It ended unasked; told before it is started again. */
  readonly onEnded: (fault: Fault) => void
}

const RESTART_BASE_MS = 100
/** One that ran this long was well: the next end is the first again. */
const STABLE_MS = 10_000
/** Those of the program itself: not what this process was started with besides, a test runner's for instance. */
const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  ...process.execArgv.filter((flag) => flag.startsWith('--max-semi-space-size=')),
]
/** What was asked to end has this long. */
const END_MS = 5000

/** A process of this program that is started again whenever it ends, until it is asked to end. */
export class KeptProcess<Order extends object, News> implements AsyncDisposable {
  readonly #o: KeptProcessOptions<Order, News>
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #again: NodeJS.Timeout | undefined
  #failures = 0
  #stopping = false
  /** Of the one that runs, where it is being ended from here. */
  #killedAs: string | undefined
  /** It has said something, so it may hold something. */
  #hasSpoken = false

  constructor(options: KeptProcessOptions<Order, News>) {
    this.#o = options
  }

  /** While it runs. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  start(): void {
    const { kind, name, entry, cwd, restartCapMs, log, first, onNews, faultOf, onEnded } = this.#o
    const startedMs = performance.now()
    const child = fork(entry, [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      cwd,
      execArgv: NODE_FLAGS,
      serialization: 'advanced', // bytes stay bytes
    })
    this.#child = child
    this.#hasSpoken = false
    this.#killedAs = undefined
    let fault: Fault | undefined
    child.on('message', (message, socket) => {
      if (this.#child !== child) return // of one that has ended
      this.#hasSpoken = true
      const news = message as News
      const why = faultOf?.(news)
      if (why !== undefined) fault = why
      else onNews(news, socket as net.Socket | undefined)
    })
    this.#ended = new Promise((resolve) => {
      const over = (ending: string) => {
        if (this.#child !== child) return
        const how = this.#killedAs ?? ending
        this.#child = undefined
        resolve()
        if (this.#stopping) return
        fault ??= this.#endedBy(how, child.pid)
        if (performance.now() - startedMs >= STABLE_MS) this.#failures = 0
        const pause = { baseMs: RESTART_BASE_MS, capMs: restartCapMs }
        // Whoever was in a worker looks for another place at once: it is there again before the others have all.
        const isAtOnce = kind === 'worker' && this.#failures === 0
        const waitMs = isAtOnce ? 0 : Math.round(RESTART_BASE_MS + backoffMs(this.#failures, pause))
        this.#failures++
        log.error(
          {
            event: `${kind}.ended`,
            [kind]: name,
            pid: child.pid,
            how,
            code: fault.code,
            hop: fault.hop,
            waitMs,
          },
          `The ${name} process exited: ${how}`,
        )
        onEnded(fault)
        if (!this.#stopping) this.#again = setTimeout(() => this.start(), waitMs)
      }
      child.once('error', (error) => over(error.message))
      child.once('exit', (code, signal) => over(signal ?? `exit ${code}`))
    })
    log.info(
      { event: `${kind}.started`, [kind]: name, pid: child.pid },
      `The ${name} process has pid ${child.pid}`,
    )
    this.send(first())
  }

  #endedBy(how: string, pid: number | undefined): Fault {
    const { kind, name, hop } = this.#o
    if (kind === 'part') return new Fault('INTERNAL', `the ${name} process exited: ${how}`, { hop })
    return new Fault('WORKER_ENDED', `${name} exited: ${how}`, {
      hop,
      seen: { ...(pid !== undefined && { pid }) },
    })
  }

  /** @returns false when it does not run now. */
  send(order: Order): boolean {
    if (!this.#child?.connected) return false
    this.#child.send(order as Serializable, () => {}) // an error is its end, which is told
    return true
  }

  /**
   * Gives it a connection. This process keeps its own descriptor, and with it the duty to close the socket: when the
   * other says that it has it, or ends before.
   *
   * @returns false when it does not run now.
   */
  give(order: Order, socket: net.Socket): boolean {
    if (!this.#child?.connected)
      return false
      // Else node would ask the other process before the listener counts as closed, and wait for it for ever.
    ;(socket as { server?: unknown }).server = null
    this.#child.send(order as Serializable, socket, { keepOpen: true }, () => {})
    return true
  }

  /** Ends it at once, as a thing that no longer does what it is told; it is started again. @param why A sentence. */
  kill(why?: string): void {
    if (why !== undefined) this.#killedAs = `killed by its main process: ${why}`
    this.#child?.kill('SIGKILL')
  }

  /** Resolves when it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#again)
    if (this.#hasSpoken) this.send(this.#o.last())
    else this.kill() // it is still being started: nobody waits for that
    const timer = setTimeout(() => this.kill(), END_MS)
    await this.#ended
    clearTimeout(timer)
  }
}
