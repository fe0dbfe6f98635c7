import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { programFile } from '../base/program-files.ts'
import type { ToCheckpoints } from './checkpoint-thread.ts'

/** Of the write-ahead log, before it is brought into the file: as SQLite has it by itself. */
const PAGES = 1000
/**
 * A log that has become so long is brought over by whoever commits: the thread does not keep up, or is gone. The largest
 * `apply` alone writes 15 000 pages, and its commit is long enough without that.
 */
const PAGES_AT_MOST = 32_000
/** A thread takes twenty megabytes: one that has had nothing to do for so long is ended. */
const IDLE_MS = 60_000

/** Sees to it that the write-ahead log of a database is brought into its file, in a thread of its own. */
export class Checkpoints {
  readonly #raw: DatabaseSync
  readonly #file: string
  readonly #look: StatementSync
  readonly #idleMs: number
  #thread: Worker | undefined
  /** Of the last one that was started. */
  #ended: Promise<unknown> = Promise.resolve()
  #idle: NodeJS.Timeout | undefined
  #isAsked = false

  /** @param raw Of the file, which others can open, too. */
  constructor(raw: DatabaseSync, file: string, { idleMs = IDLE_MS } = {}) {
    this.#raw = raw
    this.#file = file
    this.#idleMs = idleMs
    this.#look = raw.prepare('PRAGMA wal_checkpoint(noop)') // says how long the log is, and does nothing
    this.#whoCommits(PAGES_AT_MOST)
  }

  /** Something was committed, and is durable whatever happens here. Never throws. */
  committed(): void {
    if (this.#isAsked || !this.#isDue()) return
    this.#isAsked = true
    clearTimeout(this.#idle)
    this.#thread ??= this.#start()
    this.#thread.postMessage('now' satisfies ToCheckpoints)
  }

  #isDue(): boolean {
    try {
      const { log, checkpointed } = this.#look.get() as unknown as LogState
      return log >= PAGES && checkpointed < log
    } catch {
      return false // A disk that cannot be read says so to whoever reads it next.
    }
  }

  /** The database can be closed then: whoever is the last to close it takes its log away. */
  async close(): Promise<void> {
    this.#isAsked = true
    this.#end()
    await this.#ended
  }

  #end(): void {
    clearTimeout(this.#idle)
    const thread = this.#thread
    this.#thread = undefined
    thread?.ref()
    thread?.postMessage('end' satisfies ToCheckpoints)
  }

  #start(): Worker {
    const thread = new Worker(programFile('src/store/checkpoint-thread'), { workerData: this.#file })
    thread.unref()
    thread.on('message', () => {
      if (this.#thread !== thread) return
      this.#isAsked = false
      this.#idle = setTimeout(() => this.#end(), this.#idleMs).unref()
    })
    this.#ended = new Promise((resolve) => thread.once('exit', resolve))
    thread.on('error', () => {}) // and exits
    thread.once('exit', () => {
      if (this.#thread !== thread) return
      // Whatever ended it would end the next one, so there is none: nobody is asked any more.
      this.#thread = undefined
      this.#whoCommits(PAGES)
    })
    return thread
  }

  #whoCommits(pages: number): void {
    this.#raw.exec(`PRAGMA wal_autocheckpoint = ${pages}`)
  }
}

/** In pages. */
interface LogState {
  readonly log: number
  readonly checkpointed: number
}
