/**
 * Session records on disk until control has them: lines are added at the end, and a line that counts how many from the
 * start are done with. Written without waiting for the disk: what it holds survives the end of the process, however
 * that comes, and a power cut loses the last seconds.
 *
 * @module
 */
import { constants } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { replaceFile, writeFault } from '../../base/durable-file.ts'
import type { Fault, Hop } from '../../base/faults.ts'

const DONE = /^\{"done":(\d{1,15})\}$/
/** Twice what may wait: then what is done with is left out. */
const REWRITE_AT = 2
/** What could not be written is tried again. */
const RETRY_MS = 30_000

export interface RecordFileOptions {
  readonly path: string
  readonly hop: Hop
  /** Of the records that may wait. */
  readonly maxBytes: number
  /** Every line that waits now, for a file that is written anew. */
  readonly lines: () => Iterable<string>
  readonly isEmpty: () => boolean
  /** Nothing can be written, and again nothing when it can. */
  readonly onFault: (fault: Fault | undefined) => void
}

export class RecordFile {
  readonly #o: RecordFileOptions
  #file: FileHandle | undefined
  #bytes = 0
  #pending: string[] = []
  #working: Promise<void> | undefined
  /** What is there is not what waits: after an error, and when most of it is done with. */
  #stale = true
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: RecordFileOptions) {
    this.#o = options
  }

  /** What a process before has left. @throws what keeps it from being read. */
  static async read(path: string): Promise<string[]> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    const lines: string[] = []
    let done = 0
    for (const line of text.split('\n')) {
      const match = DONE.exec(line)
      if (match !== null) done += Number(match[1])
      else if (line !== '') lines.push(line)
    }
    return lines.slice(done)
  }

  add(line: string): void {
    this.#pending.push(line)
    this.#work()
  }

  /** @param count From the start. */
  done(count: number): void {
    this.#pending.push(JSON.stringify({ done: count }))
    this.#work()
  }

  /** Some lines in the middle are gone. */
  rewrite(): void {
    this.#pending = []
    this.#stale = true
    this.#work()
  }

  /** Resolves when everything is written, or cannot be. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#retry !== undefined) {
      clearTimeout(this.#retry)
      this.#retry = undefined
      this.#work()
    }
    await this.#working
    await this.#file?.close()
    this.#file = undefined
  }

  #work(): void {
    if (this.#working !== undefined || this.#retry !== undefined) return
    this.#working = this.#writeAll().finally(() => {
      this.#working = undefined
    })
  }

  async #writeAll(): Promise<void> {
    await undefined // one write for what comes in one turn
    try {
      while (this.#stale || this.#pending.length > 0) {
        if (this.#stale) await this.#anew()
        else if (this.#o.isEmpty()) await this.#empty()
        else await this.#append()
      }
      this.#o.onFault(undefined)
    } catch (error) {
      this.#stale = true
      this.#pending = []
      this.#o.onFault(writeFault(error, this.#o.path, this.#o.hop))
      if (this.#closed) return
      this.#retry = setTimeout(() => {
        this.#retry = undefined
        this.#work()
      }, RETRY_MS).unref()
    }
  }

  async #append(): Promise<void> {
    const data = Buffer.from(`${this.#pending.join('\n')}\n`)
    this.#pending = []
    await this.#file!.appendFile(data)
    this.#bytes += data.length
    if (this.#bytes > REWRITE_AT * this.#o.maxBytes) this.#stale = true
  }

  async #empty(): Promise<void> {
    this.#pending = []
    this.#bytes = 0
    await this.#file!.truncate(0)
  }

  async #anew(): Promise<void> {
    this.#stale = false
    this.#pending = []
    const text = [...this.#o.lines()].map((line) => `${line}\n`).join('')
    await this.#file?.close()
    this.#file = undefined
    await replaceFile(this.#o.path, text)
    this.#file = await open(this.#o.path, constants.O_WRONLY | constants.O_APPEND)
    this.#bytes = Buffer.byteLength(text)
  }
}
