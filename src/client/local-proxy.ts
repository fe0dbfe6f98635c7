import type http from 'node:http'
import net from 'node:net'
import { Deadlines } from '../base/deadlines.ts'
import { METRICS_TYPE } from '../base/metrics-text.ts'
import { createHttpProxy } from './http-proxy.ts'
import { ACCEPT, closeServer, ignoreError, listen } from './listen.ts'
import { type ListenAddress, showAddress } from './listen-address.ts'
import type { Opener } from './open-session.ts'
import { type Covered, PAC_TYPE, writePac } from './pac.ts'
import { serveSocks } from './socks5.ts'
import { SOCKS_VERSION } from './socks5-wire.ts'

export interface LocalProxyOptions {
  readonly listen: ListenAddress
  readonly opener: Opener
  /** What /proxy.pac sends here. */
  readonly covered: () => Covered
  /** What /metrics answers. */
  readonly metrics: () => string
  /** How long a local program may take to say what it wants. */
  readonly handshakeMs?: number
  readonly maxHandshakes?: number
}

/** One local port for every kind of proxy client: the first byte tells SOCKS5 from HTTP. */
export class LocalProxy implements AsyncDisposable {
  readonly #server: net.Server
  readonly #http: http.Server
  readonly #opener: Opener
  readonly #sockets = new Set<net.Socket>()
  readonly #handshakes: Deadlines<net.Socket>
  readonly #maxHandshakes: number
  #bound: ListenAddress

  private constructor(options: LocalProxyOptions) {
    const { opener, covered, metrics, handshakeMs = 10_000, maxHandshakes = 1024 } = options
    this.#opener = opener
    this.#maxHandshakes = maxHandshakes
    this.#bound = options.listen
    this.#handshakes = new Deadlines<net.Socket>(handshakeMs, (socket) => socket.destroy())
    this.#server = net.createServer(ACCEPT, (socket) => this.#accept(socket))
    this.#http = createHttpProxy({
      opener,
      bound: () => this.#bound,
      pages: {
        '/proxy.pac': { type: PAC_TYPE, text: () => writePac(this.address, covered()) },
        '/wpad.dat': { type: PAC_TYPE, text: () => writePac(this.address, covered()) },
        '/metrics': { type: METRICS_TYPE, text: metrics },
      },
      settled: (socket) => this.#handshakes.delete(socket),
      unsettled: (socket) => {
        if (!socket.destroyed) this.#handshakes.add(socket)
      },
    })
  }

  /** @throws {Fault} LISTEN_FAILED. */
  static async open(options: LocalProxyOptions): Promise<LocalProxy> {
    const proxy = new LocalProxy(options)
    proxy.#bound = await listen(proxy.#server, options.listen)
    return proxy
  }

  /** HOST:PORT. */
  get address(): string {
    return showAddress(this.#bound.host, this.#bound.port)
  }

  #accept(socket: net.Socket): void {
    if (this.#handshakes.size >= this.#maxHandshakes) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    this.#handshakes.add(socket)
    socket.on('error', ignoreError)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#handshakes.delete(socket)
    })
    const gone = () => socket.destroy()
    socket.once('end', gone)
    socket.once('data', (first: Buffer) => {
      socket.pause()
      socket.off('end', gone)
      socket.unshift(first)
      if (first[0] === SOCKS_VERSION) {
        serveSocks(socket, { opener: this.#opener, settled: () => this.#handshakes.delete(socket) })
      } else {
        this.#http.emit('connection', socket)
        socket.resume() // it was paused by name above, which a listener alone does not undo
      }
    })
    socket.resume()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = closeServer(this.#server)
    this.#handshakes[Symbol.dispose]()
    this.#http.close()
    for (const socket of this.#sockets) socket.resetAndDestroy() // a break, not an orderly end
    await closed
  }
}
