import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import { listenUnix } from '../../base/listen-unix.ts'
import type { Log } from '../../base/log.ts'
import { ON_THIS_MACHINE } from '../../link/accept/origin.ts'
import type { FrontBackend } from './backend.ts'
import { httpServer } from './http-server.ts'

const HEADERS_MS = 10_000
const REQUEST_MS = 60_000

export interface AdminSocketOptions {
  readonly file: string
  readonly backend: Pick<FrontBackend, 'http'>
  readonly log: Log
}

/**
 * The API at a Unix socket of mode 0600: a way in for whoever runs the server that no edge, certificate or counter of the
 * network stands in. Tokens are asked for as everywhere.
 */
export class AdminSocket implements AsyncDisposable {
  readonly #listener: net.Server
  readonly #http: http.Server

  /** @throws {Fault} STATE_UNWRITABLE. */
  static async open(options: AdminSocketOptions): Promise<AdminSocket> {
    const admin = new AdminSocket(options)
    await listenUnix(admin.#listener, options.file)
    return admin
  }

  private constructor({ backend, log }: AdminSocketOptions) {
    this.#http = httpServer({ headersMs: HEADERS_MS, requestMs: REQUEST_MS }, log, (request, response) =>
      backend.http(request, response),
    )
    this.#listener = net.createServer((socket) => {
      // There is no address: whoever serves the request sees this instead.
      Object.defineProperty(socket, 'remoteAddress', { value: ON_THIS_MACHINE })
      this.#http.emit('connection', socket)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    this.#http.close(() => {})
    this.#http.closeAllConnections()
    await closed
  }
}
