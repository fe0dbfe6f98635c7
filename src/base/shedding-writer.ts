/**
 * Lines for people, to a descriptor that may be full, stuck or unread for days: writing never blocks, never throws and
 * never fills memory. What cannot be written waits; what there is no room for is shed and counted, and the count is
 * written as soon as anything can be.
 *
 * Each write is one write(2) that gives up at once. Streams of Node would do worse: a terminal's blocks, a file's
 * throws, and the last lines of a pipe's are lost when the process ends.
 *
 * @module
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'

/** What waits at most. */
const WAITING_BYTES = 256 * 1024
/** How often what waits is tried again. */
const RETRY_MS = 100
/** How long the end of the process waits for a reader. */
const LAST_MS = 300
const LAST_STEP_MS = 10

export interface SheddingWriterOptions {
  /** The line that says how many were shed. */
  readonly notice: (shed: number) => string
  readonly waitingBytes?: number
}

export class SheddingWriter implements Disposable {
  readonly #fd: number
  readonly #isOwn: boolean
  readonly #unblock: () => void
  readonly #notice: (shed: number) => string
  readonly #maxBytes: number
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #shed = 0
  #retry: NodeJS.Timeout | undefined
  readonly #atExit = () => this.#finish()

  constructor(fd: number, { notice, waitingBytes = WAITING_BYTES }: SheddingWriterOptions) {
    const own = openAnew(fd)
    this.#unblock = own === undefined ? unblocker(fd) : () => {}
    this.#fd = own ?? fd
    this.#isOwn = own !== undefined
    this.#notice = notice
    this.#maxBytes = waitingBytes
    process.on('exit', this.#atExit)
  }

  /** One line or more, each with its line feed. */
  write(text: string): void {
    const bytes = Buffer.from(text, 'utf8')
    if (this.#waitingBytes + bytes.length > this.#maxBytes) {
      this.#shed += 1
      return
    }
    this.#queueNotice()
    this.#queue(bytes)
    // While it is stuck the timer tries, not every line: a failed write costs more than a line.
    if (this.#retry === undefined) this.#drain()
  }

  #queue(bytes: Buffer): void {
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
  }

  #queueNotice(): void {
    if (this.#shed === 0) return
    this.#queue(Buffer.from(this.#notice(this.#shed), 'utf8'))
    this.#shed = 0
  }

  /** Writes what can be written now. */
  #drain(): void {
    this.#retry = undefined
    if (!this.#writeWaiting()) {
      this.#retry = setTimeout(() => this.#drain(), RETRY_MS).unref()
      return
    }
    if (this.#shed === 0) return
    this.#queueNotice()
    this.#drain()
  }

  /** @returns whether nothing waits any more. */
  #writeWaiting(): boolean {
    if (this.#waiting.length > 0) this.#unblock()
    while (this.#waiting.length > 0) {
      const first = this.#waiting[0]!
      let written: number
      try {
        written = writeSync(this.#fd, first)
      } catch {
        // No reader for now, no space for now, or neither ever again: nothing here can tell them apart.
        return false
      }
      this.#waitingBytes -= written
      if (written < first.length) this.#waiting[0] = first.subarray(written)
      else this.#waiting.shift()
    }
    return true
  }

  /** The process ends: what waits is tried for a moment longer. */
  #finish(): void {
    clearTimeout(this.#retry)
    this.#queueNotice()
    const pause = new Int32Array(new SharedArrayBuffer(4))
    for (let leftMs = LAST_MS; !this.#writeWaiting() && leftMs > 0; leftMs -= LAST_STEP_MS) {
      Atomics.wait(pause, 0, 0, LAST_STEP_MS)
    }
  }

  /** Writes what can be written now, and forgets the rest. */
  [Symbol.dispose](): void {
    process.off('exit', this.#atExit)
    clearTimeout(this.#retry)
    this.#writeWaiting()
    if (this.#isOwn) closeSync(this.#fd)
  }
}

/**
 * The same pipe or terminal by a description of its own that never blocks: whoever shares the other one, a shell for
 * instance, finds it as it was.
 */
function openAnew(fd: number): number | undefined {
  try {
    const kind = fstatSync(fd)
    if (!kind.isFIFO() && !kind.isCharacterDevice()) return undefined
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    return undefined // another user's, or there is no /proc
  }
}

/**
 * A socket, that of a journal for instance, cannot be opened anew: its description is shared, and made blocking again by
 * every process that is started with it or ends with it. So it is made non-blocking before each write, by the handle of
 * Node's own stream; Node puts it back when this process ends. Files never say EAGAIN.
 */
function unblocker(fd: number): () => void {
  const stream = fd === 1 ? process.stdout : fd === 2 ? process.stderr : undefined
  if (stream === undefined) return () => {}
  stream.on('error', () => {})
  const { _handle: handle } = stream as { _handle?: { setBlocking?(isBlocking: boolean): void } }
  return () => handle?.setBlocking?.(false)
}
