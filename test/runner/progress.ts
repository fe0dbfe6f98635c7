/**
 * What a person sees while a stage runs: what runs, how many of how many, what is slow. One line that is drawn again
 * on a terminal; elsewhere a line every half minute.
 *
 * @module
 */
import path from 'node:path'
import type { WriteStream } from 'node:tty'

export interface ProgressOptions {
  readonly stage: string
  /** Test files. */
  readonly of: number
  readonly out?: Pick<WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number }
  readonly now?: () => number
}

const REDRAW_MS = 500
const CALM_MS = 20_000
const COLUMNS = 100
/** What runs for so long is named. */
const SLOW_MS = 5000

/** Of one process. */
interface Running {
  readonly files: readonly string[]
  readonly sinceMs: number
  /** The last line it wrote. */
  said: string
  tests: number
}

export class Progress implements Disposable {
  readonly #o: Required<ProgressOptions>
  readonly #startedMs: number
  readonly #running = new Set<Running>()
  readonly #timer: NodeJS.Timeout
  #files = 0
  #tests = 0

  constructor({ stage, of, out = process.stdout, now = () => performance.now() }: ProgressOptions) {
    this.#o = { stage, of, out, now }
    this.#startedMs = now()
    this.#timer = setInterval(() => this.#draw(), out.isTTY ? REDRAW_MS : CALM_MS)
  }

  begin(files: readonly string[]): Running {
    const running = { files, sinceMs: this.#o.now(), said: '', tests: 0 }
    this.#running.add(running)
    return running
  }

  end(running: Running): void {
    this.#running.delete(running)
    this.#files += running.files.length
    this.#tests += running.tests
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    if (this.#o.out.isTTY) this.#o.out.write('\r\x1b[K')
  }

  get line(): string {
    const { stage, of, now } = this.#o
    const seconds = (sinceMs: number) => `${Math.round((now() - sinceMs) / 1000)} s`
    const running = [...this.#running].sort((a, b) => a.sinceMs - b.sinceMs)
    const tests = running.reduce((sum, one) => sum + one.tests, this.#tests)
    const slow = running.filter(({ sinceMs }) => now() - sinceMs >= SLOW_MS)
    const named = (slow.length > 0 ? slow : running.slice(0, 1)).map(({ files, sinceMs }) => {
      const more = files.length > 1 ? ` and ${files.length - 1} more` : ''
      return `${path.basename(files[0]!, '.test.ts')}${more} ${seconds(sinceMs)}`
    })
    // One process alone takes long: what it says is where it stands.
    const said = running.length === 1 && running[0]!.said !== '' ? [running[0]!.said] : []
    const counts = `${this.#files} of ${of} files, ${tests} tests`
    return [`${stage.padEnd(10)} ${seconds(this.#startedMs)}  ${counts}`, ...named, ...said].join(' · ')
  }

  #draw(): void {
    const { out } = this.#o
    const { line } = this
    out.write(out.isTTY ? `\r${line.slice(0, (out.columns ?? COLUMNS) - 1)}\x1b[K` : `${line}\n`)
  }
}

export type { Running }
