/**
 * One end of a conversation, a program's or an application's: what it does, and what it sees, exactly.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import type net from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { Message } from './message.ts'

/** What came, and how it ended. */
export interface View {
  /** All of it: heads and framing included. */
  readonly bytes: number
  readonly sha256: string
  /** `HTTP/1.1 200 OK`, or a request line. */
  readonly firstLine: string | undefined
  readonly bodyBytes: number
  readonly bodySha256: string
  /** The body is a beginning of what was sent, or all of it. */
  readonly intact: boolean
  /** The message came to its end. */
  readonly whole: boolean
  /** `open`: it had not ended when nobody waited any longer. Of a process, `fin` is exit code 0. */
  readonly end: 'fin' | 'reset' | 'open'
}

/** What a peer holds: a socket, or the standard streams of a process. */
export interface Line {
  readonly input: Readable
  readonly output: Writable
  /** Breaks it: RST, or kill -9 of the process. */
  cut(): void
  /** Goes, and leaves unread what is there, as a program that exits does. */
  leave(): void
  /** Of a socket. */
  readonly localPort?: number
  /** Whether the process ended well; known after its last byte. */
  readonly exit?: Promise<boolean>
}

export function socketLine(socket: net.Socket): Line {
  return {
    ...{ input: socket, output: socket, localPort: socket.localPort },
    cut: () => socket.resetAndDestroy(),
    leave: () => socket.destroy(),
  }
}

export function processLine(child: ChildProcess): Line {
  const exit = new Promise<boolean>((resolve) => child.once('exit', (code) => resolve(code === 0)))
  return {
    ...{ input: child.stdout!, output: child.stdin!, exit },
    cut: () => child.kill('SIGKILL'),
    leave: () => child.kill('SIGTERM'),
  }
}

const PATIENCE_MS = 30_000

export class Peer {
  readonly message = new Message()
  readonly #line: Line
  readonly #hash = createHash('sha256')
  readonly #inputOver = Promise.withResolvers<void>()
  readonly #over = Promise.withResolvers<void>()
  #bytes = 0
  #end: View['end'] = 'open'
  #look = () => {}

  constructor(line: Line) {
    this.#line = line
    const { input, output, exit } = line
    input.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length
      this.#hash.update(chunk)
      this.message.push(chunk)
      this.#look()
    })
    const ended = async (fin: boolean) => {
      this.#inputOver.resolve()
      const end = fin && ((await exit) ?? true) ? 'fin' : 'reset'
      if (this.#end !== 'open') return
      this.#end = end
      if (end === 'fin') this.message.fin()
      this.#look()
      this.#over.resolve()
    }
    input.once('end', () => void ended(true))
    input.once('close', () => void ended(input.readableEnded))
    for (const stream of new Set([input, output])) stream.on('error', () => {}) // `close` follows
    input.resume()
  }

  /** Of a socket. */
  get localPort(): number | undefined {
    return this.#line.localPort
  }

  /** Bytes that came so far. */
  get received(): number {
    return this.#bytes
  }

  /** Bytes that the other side may not have yet, as far as this one knows. */
  get unsent(): number {
    return this.#line.output.writableLength
  }

  get view(): View {
    const { firstLine, bodyBytes, bodySha256, intact, whole } = this.message
    const all = { bytes: this.#bytes, sha256: this.#hash.copy().digest('hex') }
    return { ...all, firstLine, bodyBytes, bodySha256, intact, whole, end: this.#end }
  }

  send(bytes: Buffer | string): void {
    this.#line.output.write(bytes)
  }

  /** FIN. */
  end(): void {
    this.#line.output.end()
  }

  cut(): void {
    this.#line.cut()
  }

  /** Sends FIN behind what waits, and is gone at once. */
  leave(): void {
    this.#line.output.end(() => this.#line.leave())
  }

  /** Reads nothing until `goOn`. */
  hold(): void {
    this.#line.input.pause()
  }

  goOn(): void {
    this.#line.input.resume()
  }

  /** Resolves once `reached` holds, which is looked at with all that comes; also when it can hold no more. */
  async until(reached: (message: Message) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = () => reached(this.message) && resolve()
    this.#look = look
    look()
    await within(Promise.race([promise, this.#over.promise]))
    this.#look = () => {}
  }

  /** Resolves when nothing more comes. Of a process, whether that was a good end shows only when it exits. */
  async inputOver(): Promise<void> {
    this.goOn()
    await within(this.#inputOver.promise)
  }

  /** Reads to the end. @returns what was seen; `end` is `open` if no end came. */
  async over(patienceMs = PATIENCE_MS): Promise<View> {
    this.goOn()
    await within(this.#over.promise, patienceMs)
    return this.view
  }
}

async function within(promise: Promise<unknown>, patienceMs = PATIENCE_MS): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, patienceMs)
  await Promise.race([promise, late])
  clearTimeout(timer)
}
