/**
 * How a daemon tells its state, and all that a connector listens on: a Unix socket, mode 0600, that gives one JSON
 * document to whoever connects and reads nothing. It also keeps a second daemon off the same state directory.
 *
 * @module
 */
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import net from 'node:net'
import { Fault } from './faults.ts'

/** sun_path of unix(7), less the final zero. */
const MAX_PATH_BYTES = 107
/** A reader that does not read is dropped. */
const READER_MS = 5000
const MAX_READERS = 32

export class StatusSocket implements AsyncDisposable {
  readonly #server: net.Server
  readonly #readers = new Set<net.Socket>()

  /** @param document What it gives; one that cannot be made gives nothing. */
  private constructor(document: () => unknown) {
    this.#server = net.createServer((reader) => {
      this.#readers.add(reader)
      reader.on('close', () => this.#readers.delete(reader))
      reader.on('error', () => {}) // it went away before the end: its loss
      reader.setTimeout(READER_MS, () => reader.destroy())
      reader.resume()
      Promise.resolve(document()).then(
        (told) => reader.end(`${JSON.stringify(told)}\n`),
        () => reader.destroy(),
      )
    })
    this.#server.maxConnections = MAX_READERS
  }

  /**
   * Listens at `file`, taking over what a crash left there.
   *
   * @throws {Fault} STATE_IN_USE if a running process answers there; STATE_UNWRITABLE if it cannot be made.
   */
  static async open(file: string, document: () => unknown): Promise<StatusSocket> {
    const bytes = Buffer.byteLength(file)
    if (bytes > MAX_PATH_BYTES) {
      throw unwritable(file, `the path has ${bytes} bytes, a Unix socket takes ${MAX_PATH_BYTES}`)
    }
    const socket = new StatusSocket(document)
    try {
      await socket.#listen(file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw unwritable(file, errno(error), error)
      const running = await readStatus(file)
      if (running !== undefined) {
        const pid = Number((running as { pid?: unknown }).pid ?? 0)
        throw new Fault('STATE_IN_USE', `${file}: process ${pid}`, { seen: { file, pid } })
      }
      await rm(file, { force: true })
      await socket.#listen(file).catch((again: unknown) => {
        throw unwritable(file, errno(again), again)
      })
    }
    return socket
  }

  async #listen(file: string): Promise<void> {
    const before = process.umask(0o177)
    try {
      this.#server.listen(file) // binds before it returns, so the mode is right from the first moment
    } finally {
      process.umask(before)
    }
    await once(this.#server, 'listening')
  }

  /** Removes the socket file. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#readers) reader.destroy()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }
}

/** What the daemon at `file` says, or `undefined` if none answers there. */
export async function readStatus(file: string, timeoutMs = READER_MS): Promise<unknown> {
  const socket = net.connect(file)
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer in ${timeoutMs} ms`)))
  try {
    const parts: Buffer[] = []
    for await (const part of socket) parts.push(part)
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch {
    return undefined // nobody listens, or nobody who speaks as we do
  } finally {
    socket.destroy()
  }
}

function unwritable(file: string, what: string, cause?: unknown): Fault {
  return new Fault('STATE_UNWRITABLE', `${file}: ${what}`, { cause, seen: { file, errno: what } })
}

function errno(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown'
}
