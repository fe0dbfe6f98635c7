import net from 'node:net'
import { Deadlines } from '../../base/deadlines.ts'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { ignoreError } from '../../base/ignore-error.ts'
import type { Log } from '../../base/log.ts'
import { METRICS_TYPE } from '../../base/metrics-text.ts'
import { cutSocket } from '../../mux/cut-socket.ts'
import { type ListenAddress, type ListenPlace, showPlace } from '../address/listen-address.ts'
import type { Opener } from '../session/open-session.ts'
import { type Elsewhere, NOWHERE } from './elsewhere.ts'
import { type HttpContext, serveHttp } from './http-connection.ts'
import { ACCEPT, closeServer, listenAt } from './listen.ts'
import type { LocalUsers } from './local-users.ts'
import { type Covered, PAC_TYPE, writePac } from './pac.ts'
import { refuseUser } from './refuse-user.ts'
import { type SocksContext, serveSocks } from './socks5.ts'
import { SOCKS_VERSION } from './socks5-wire.ts'

export interface LocalProxyOptions {
  /** Of TCP, one at most. */
  readonly places: readonly ListenPlace[]
  readonly opener: Opener
  /** Who may come in by TCP. */
  readonly users: LocalUsers
  readonly log: Log
  /** Asked first who serves a connection by TCP. */
  readonly elsewhere?: Elsewhere
  /** What /proxy.pac sends here. */
  readonly covered: () => Covered
  /** What /metrics answers. */
  readonly metrics: () => string
  /** How long a local program may take to say what it wants. */
  readonly handshakeMs?: number
  readonly maxHandshakes?: number
}

/** Those of users who may not go through here, that are being told so. */
const MAX_REFUSALS = 64
const REFUSAL_MS = 5000

/**
 * One local port, and Unix sockets, for every kind of proxy client: the first byte tells SOCKS5 from HTTP. Whose a
 * connection is comes before what it says; whoever may not come in is told so in the protocol that they speak.
 */
export class LocalProxy implements AsyncDisposable {
  readonly #servers: { readonly server: net.Server; bound: ListenPlace }[]
  readonly #users: LocalUsers
  readonly #context: HttpContext & SocksContext
  readonly #sockets = new Set<net.Socket>()
  /** Those whose user is being asked for: strangers among them take no place of a program that may come in. */
  readonly #asked = new Set<net.Socket>()
  readonly #handshakes: Deadlines<net.Socket>
  readonly #refusals = new Deadlines<net.Socket>(REFUSAL_MS, (socket) => socket.destroy())
  readonly #maxHandshakes: number
  readonly #elsewhere: Elsewhere

  private constructor(options: LocalProxyOptions) {
    const { places, opener, users, log, covered, metrics } = options
    const { handshakeMs = 10_000, maxHandshakes = 1024, elsewhere = NOWHERE } = options
    this.#elsewhere = elsewhere
    this.#maxHandshakes = maxHandshakes
    this.#users = users
    this.#handshakes = new Deadlines<net.Socket>(handshakeMs, (socket) => socket.destroy())
    this.#servers = places.map((bound) => {
      const byTcp = !('file' in bound)
      return { bound, server: net.createServer(ACCEPT, (socket) => this.#accept(socket, byTcp)) }
    })
    const text = (at = this.address) => writePac(at ?? noAddress(), covered())
    const pac = { type: PAC_TYPE, text, forOthers: true }
    this.#context = {
      opener,
      log,
      users,
      settled: (socket) => this.#handshakes.delete(socket),
      pages: {
        '/proxy.pac': pac,
        '/wpad.dat': pac,
        '/metrics': { type: METRICS_TYPE, text: metrics },
      },
    }
  }

  /** @throws {Fault} LISTEN_FAILED. */
  static async open(options: LocalProxyOptions): Promise<LocalProxy> {
    const proxy = new LocalProxy(options)
    if (proxy.#servers.some(({ bound }) => !('file' in bound))) options.users.warm()
    try {
      for (const one of proxy.#servers) one.bound = await listenAt(one.server, one.bound)
      return proxy
    } catch (error) {
      await proxy[Symbol.asyncDispose]()
      throw error
    }
  }

  /** HOST:PORT, where it listens for TCP. */
  get address(): string | undefined {
    const bound = this.#servers
      .map(({ bound }) => bound)
      .find((place): place is ListenAddress => 'port' in place)
    return bound && hostPort(bound)
  }

  /** unix:PATH of each. */
  get files(): string[] {
    return this.#servers.flatMap(({ bound }) => ('file' in bound ? [showPlace(bound)] : []))
  }

  /** Serves a connection that another process has accepted and admitted. */
  serve(socket: net.Socket): void {
    this.#keep(socket)
    this.#serve(socket)
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket)
    socket.on('error', ignoreError)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#asked.delete(socket)
      this.#handshakes.delete(socket)
    })
  }

  #accept(socket: net.Socket, byTcp: boolean): void {
    this.#asked.add(socket)
    this.#keep(socket)
    const admitted = (refusal?: Fault) => {
      this.#asked.delete(socket)
      if (socket.destroyed) return
      if (refusal !== undefined) this.#refuse(socket, refusal)
      else if (!byTcp || !this.#elsewhere.take(socket, { by: 'local-proxy' })) this.#serve(socket)
    }
    if (byTcp) this.#users.admit(socket, admitted)
    else admitted()
    if (this.#asked.size > this.#maxHandshakes) socket.destroy()
  }

  #serve(socket: net.Socket): void {
    if (this.#handshakes.size >= this.#maxHandshakes) {
      socket.destroy()
      return
    }
    this.#handshakes.add(socket)
    const gone = () => socket.destroy()
    socket.once('end', gone)
    socket.once('data', (first: Buffer) => {
      socket.pause()
      socket.off('end', gone)
      socket.unshift(first)
      if (first[0] === SOCKS_VERSION) serveSocks(socket, this.#context)
      else serveHttp(socket, this.#context)
    })
    socket.resume()
  }

  /** Of strangers few are told, so that they do not take the places of programs that may come in. */
  #refuse(socket: net.Socket, refusal: Fault): void {
    this.#context.opener.refuseUser('local', refusal)
    if (this.#refusals.size >= MAX_REFUSALS) {
      socket.destroy()
      return
    }
    this.#refusals.add(socket)
    socket.once('close', () => this.#refusals.delete(socket))
    refuseUser(socket, refusal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.all(this.#servers.map(({ server }) => closeServer(server)))
    this.#handshakes[Symbol.dispose]()
    this.#refusals[Symbol.dispose]()
    for (const socket of this.#sockets) cutSocket(socket)
    await closed
  }
}

function noAddress(): never {
  throw new Fault(
    'NOT_FOUND',
    'a browser needs an address, but the local proxy only listens on Unix sockets',
    {
      hop: 'client',
    },
  )
}
