/**
 * How a daemon tells its state, and all that a connector listens on: a Unix socket, mode 0600, that gives one JSON
 * document to whoever connects and reads nothing. Whoever has it holds the state directory it is in.
 *
 * @module
 */
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { listenUnix, socketPath } from './listen-unix.ts'
import { lockState } from './state-lock.ts'

/** A reader that does not read is dropped. */
const READER_MS = 5000
const MAX_READERS = 32

export class StatusSocket implements AsyncDisposable {
  readonly #server: net.Server
  readonly #readers = new Set<net.Socket>()
  readonly #lock: Disposable

  /** @param document What it gives; one that cannot be made gives nothing. */
  private constructor(document: () => unknown, lock: Disposable) {
    this.#lock = lock
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
   * Takes the directory of `file`, and listens there, over what a crash left.
   *
   * @throws {Fault} STATE_IN_USE if another process holds the directory; STATE_UNWRITABLE, DISK_FULL.
   */
  static async open(file: string, document: () => unknown): Promise<StatusSocket> {
    const lock = await lockState(path.dirname(file))
    const socket = new StatusSocket(document, lock)
    try {
      await listenUnix(socket.#server, file)
      return socket
    } catch (error) {
      lock[Symbol.dispose]()
      throw error
    }
  }

  /** Removes the socket file. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#readers) reader.destroy()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
    this.#lock[Symbol.dispose]()
  }
}

/** How a question to a daemon ended. Only `nobody` says that none runs. */
export type StatusAnswer =
  | { readonly is: 'told'; readonly document: unknown }
  /** No socket, or one at which nobody listens. */
  | { readonly is: 'nobody'; readonly errno: string }
  /** Somebody listens, and takes no more who ask, or says nothing in time. */
  | { readonly is: 'silent'; readonly why: string }
  /** This process could not ask: it may not, or lacks what it takes. */
  | { readonly is: 'unasked'; readonly errno: string }

const NOBODY: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED'])

/** Asks the daemon at `file`. Never rejects. */
export async function askStatus(file: string, timeoutMs = READER_MS): Promise<StatusAnswer> {
  const socket = net.connect(socketPath(file))
  const late = new Error(`no answer in ${timeoutMs} ms`)
  socket.setTimeout(timeoutMs, () => socket.destroy(late))
  const parts: Buffer[] = []
  let connected = false
  socket.once('connect', () => {
    connected = true
  })
  try {
    for await (const part of socket) parts.push(part)
  } catch (error) {
    const { code: errno = 'unknown' } = error as NodeJS.ErrnoException
    if (error === late) return { is: 'silent', why: late.message }
    // Of a Unix socket it is the queue of whoever listens that is full.
    if (connected || errno === 'EAGAIN') return { is: 'silent', why: errno }
    return NOBODY.has(errno) ? { is: 'nobody', errno } : { is: 'unasked', errno }
  } finally {
    socket.destroy()
  }
  if (parts.length === 0)
    return { is: 'silent', why: 'it accepted the connection and closed it without sending a byte' }
  try {
    return { is: 'told', document: JSON.parse(Buffer.concat(parts).toString('utf8')) }
  } catch {
    return { is: 'silent', why: 'its answer is not a status' }
  }
}

/** What the daemon at `file` says, or `undefined` if none answers there. */
export async function readStatus(file: string, timeoutMs = READER_MS): Promise<unknown> {
  const answer = await askStatus(file, timeoutMs)
  return answer.is === 'told' ? answer.document : undefined
}
