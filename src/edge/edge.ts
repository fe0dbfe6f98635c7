import { once } from 'node:events'
import net from 'node:net'
import { Registry } from 'prom-client'
import { deadline } from '../base/deadline.ts'
import { asFault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { ControlPort, EdgeAuthority } from '../link/control-port.ts'
import type { Credentials } from '../link/credentials.ts'
import type { Peer } from '../pki/verify.ts'
import { Admission, type Visit } from './admission.ts'
import { Dispatch } from './dispatch.ts'
import type { Front } from './front.ts'
import { HomeFront } from './home-front.ts'
import { DEFAULT_LIMITS, type EdgeLimits } from './limits.ts'
import { listenOn } from './listen-on.ts'
import { EdgeMetrics, type Kind } from './metrics.ts'
import { createPublicCertificate, fingerprintOf, type PublicCertificate } from './public-certificate.ts'
import { RelayFront, type RelayFrontOptions } from './relay-front.ts'
import { Rendezvous } from './rendezvous.ts'

const KEEP_ALIVE_MS = 60_000

interface AnyEdgeOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** A second port for control connections of agents only; everything comes by the first one, too. */
  readonly controlPort?: number
  readonly edgeId: string
  /** Identity of role `edge`. */
  readonly credentials: Credentials
  readonly log: Log
  readonly limits?: Partial<EdgeLimits>
  readonly registry?: Registry
}

/** The edge beside the control plane. */
interface HomeEdgeOptions extends AnyEdgeOptions {
  /** Self-signed and made here, for this run, when absent; `fingerprint` names it. */
  readonly publicCertificate?: PublicCertificate
  readonly control: ControlPort
}

/** An edge that passes on to it what is not a half of a pipe. */
interface RemoteEdgeOptions extends AnyEdgeOptions {
  readonly authority: EdgeAuthority
  readonly home: Pick<RelayFrontOptions, 'home' | 'egress'>
}

export type EdgeOptions = HomeEdgeOptions | RemoteEdgeOptions

export interface EdgeStats {
  readonly connections: number
  readonly handshaking: number
  /** Pipes that wait for their other half. */
  readonly waiting: number
  readonly pipes: number
  /** Control connections of agents that end here. */
  readonly control: number
  /** Connections passed on to the home edge, or taken from remote edges. */
  readonly relayed: number
  /** By fault code. */
  readonly refused: Readonly<Record<string, number>>
  readonly draining: boolean
}

/**
 * The service edge: one TCP listener for people, agents and halves of pipes, told apart by the ALPN of their
 * ClientHello. In hand, it listens; disposed, everything it accepted is gone.
 */
export class Edge implements AsyncDisposable {
  readonly #o: EdgeOptions
  readonly #limits: EdgeLimits
  readonly #listener: net.Server
  readonly #second: net.Server | undefined
  readonly #admission: Admission
  readonly #metrics: EdgeMetrics
  readonly #rendezvous: Rendezvous
  readonly #front: Front
  readonly #dispatch: Dispatch
  readonly #sockets = new Set<net.Socket>()
  #credentials: Credentials
  /** SHA-256 of the public certificate, hex with colons, as browsers show it; a remote edge shows none. */
  readonly fingerprint: string
  #draining = false

  static async open(options: EdgeOptions): Promise<Edge> {
    const { host, port } = options.listen
    const edge = new Edge(options, 'control' in options ? await shownBy(options) : undefined)
    try {
      await listenOn(edge.#listener, { host, port })
      if (edge.#second) await listenOn(edge.#second, { host, port: options.controlPort! })
    } catch (thrown) {
      await edge[Symbol.asyncDispose]()
      throw thrown
    }
    return edge
  }

  private constructor(options: EdgeOptions, shown: PublicCertificate | undefined) {
    const { log, registry = new Registry() } = options
    this.#o = options
    this.#credentials = options.credentials
    const credentials = () => this.#credentials
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    const { headersMs } = this.#limits
    this.fingerprint = shown === undefined ? '' : fingerprintOf(shown)
    this.#admission = new Admission(this.#limits)
    this.#metrics = new EdgeMetrics(registry, {
      connections: () => this.#admission.connections,
      handshakes: () => this.#admission.handshakes,
      waiting: () => this.#rendezvous.waiting,
      pipes: () => this.#rendezvous.pipes,
      control: () => this.#front.attached,
      relayed: () => this.#front.relayed,
    })
    this.#rendezvous = new Rendezvous({ pairMs: this.#limits.pairMs, log, metrics: this.#metrics })
    const metrics = this.#metrics
    this.#front =
      'control' in options
        ? new HomeFront({
            ...{ credentials, control: options.control, headersMs, log, metrics },
            publicCertificate: shown!,
          })
        : new RelayFront({ ...options.home, credentials, log })
    this.#dispatch = new Dispatch({
      credentials,
      authority: 'control' in options ? options.control : options.authority,
      rendezvous: this.#rendezvous,
      front: this.#front,
    })
    const accepting = {
      allowHalfOpen: true,
      noDelay: true,
      pauseOnConnect: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    }
    this.#listener = net.createServer(accepting, (socket) => this.#accept(socket))
    if (options.controlPort !== undefined) {
      this.#second = net.createServer(accepting, (socket) => this.#accept(socket, 'control'))
    }
  }

  get port(): number {
    return (this.#listener.address() as net.AddressInfo).port
  }

  /** The second port, where there is one. */
  get controlPort(): number | undefined {
    return (this.#second?.address() as net.AddressInfo | null | undefined)?.port
  }

  stats(): EdgeStats {
    return {
      connections: this.#admission.connections,
      handshaking: this.#admission.handshakes,
      waiting: this.#rendezvous.waiting,
      pipes: this.#rendezvous.pipes,
      control: this.#front.attached,
      relayed: this.#front.relayed,
      refused: this.#metrics.refusedByCode,
      draining: this.#draining,
    }
  }

  /** The tenant certificate was renewed: handshakes from here on use it. */
  renew(credentials: Credentials): void {
    this.#credentials = credentials
  }

  /** Takes no new pipes; resolves when the live ones ended, or `deadlineMs` passed and they were closed. */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true
    this.#o.log.info({ event: 'edge.draining', pipes: this.#rendezvous.pipes, deadlineMs }, 'draining')
    const { promise: late, resolve } = Promise.withResolvers<void>()
    this.#front.drain()
    const timer = setTimeout(resolve, deadlineMs)
    const drained = this.#rendezvous.drained()
    await Promise.race([drained, late])
    clearTimeout(timer)
    const cut = this.#rendezvous.cut(() => true)
    await drained
    this.#o.log.info({ event: 'edge.drained', cut }, 'drained')
  }

  /** Closes the pipes and control connections of matching peers. @returns how many. */
  revoke(matches: (peer: Peer) => boolean): number {
    return this.#front.cut(matches) + this.#rendezvous.cut(matches)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const listening = [this.#listener, this.#second].filter((one) => one?.listening)
    const closed = listening.map((listener) => once(listener!, 'close'))
    for (const listener of listening) listener!.close()
    this.#front.close()
    this.#rendezvous.cut(() => true)
    const gone = [...this.#sockets].map((socket) => once(socket, 'close'))
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all([...closed, ...gone])
  }

  /** Never waits: each connection goes its own way, so that one that stalls delays nobody. */
  #accept(socket: net.Socket, only?: Kind): void {
    socket.on('error', ignore)
    const visit = this.#admission.enter(socket.remoteAddress ?? '')
    if (visit === undefined) {
      this.#metrics.refused('EDGE_BUSY')
      socket.resetAndDestroy()
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      visit.left()
    })
    const from = socket.remoteAddress
    this.#serve(socket, visit, only).catch((thrown: unknown) => {
      socket.destroy()
      const fault = asFault(thrown)
      // Agents measure how far an edge is by connections that they make for nothing else.
      if (fault.seen.silent === true) return
      this.#metrics.refused(fault.code)
      const fields = { event: 'edge.refused', code: fault.code, from, seen: fault.seen }
      if (fault.code === 'INTERNAL') this.#o.log.error({ ...fields, err: thrown }, fault.detail)
      else this.#o.log.info(fields, fault.detail)
    })
  }

  async #serve(socket: net.Socket, visit: Visit, only?: Kind): Promise<void> {
    const started = performance.now()
    const { handshakeMs } = this.#limits
    using limit = deadline(handshakeMs, 'HANDSHAKE_TIMEOUT', 'a peer did not finish its handshake')
    const kind = await this.#dispatch.take(socket, { visit, signal: limit }, only)
    visit.settled()
    this.#metrics.handshakeDone(kind, performance.now() - started)
  }
}

function shownBy({
  publicCertificate,
  listen,
}: HomeEdgeOptions): PublicCertificate | Promise<PublicCertificate> {
  return publicCertificate ?? createPublicCertificate([nameFor(listen.host)], Date.now())
}

function nameFor(host: string): string {
  return ['0.0.0.0', '::'].includes(host) ? 'localhost' : host
}

function ignore(): void {}
