import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import tls from 'node:tls'
import { Registry } from 'prom-client'
import { deadline } from '../base/deadline.ts'
import { asFault, Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { ControlPort } from '../link/control-port.ts'
import type { Credentials } from '../link/credentials.ts'
import { receiveHalf } from '../link/handover.ts'
import { contextOf } from '../link/tls-context.ts'
import { acceptTls } from '../link/tls-session.ts'
import { type Peer, peerOf } from '../pki/verify.ts'
import { ALPN_CONTROL, ALPN_PIPE } from '../wire/handover.ts'
import { Admission, type Visit } from './admission.ts'
import { AgentServer, type Caller } from './agent-server.ts'
import { peekClientHello } from './client-hello.ts'
import { httpServer } from './http-server.ts'
import { DEFAULT_LIMITS, type EdgeLimits } from './limits.ts'
import { EdgeMetrics, type Kind } from './metrics.ts'
import { createPublicCertificate, fingerprintOf, type PublicCertificate } from './public-certificate.ts'
import { Rendezvous, type Seat } from './rendezvous.ts'

const ALPN_HTTP = 'http/1.1'
const KEEP_ALIVE_MS = 60_000

export interface EdgeOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly edgeId: string
  /** Identity of role `edge`. */
  readonly credentials: Credentials
  /** Self-signed and made here, for this run, when absent; `fingerprint` names it. */
  readonly publicCertificate?: PublicCertificate
  readonly control: ControlPort
  readonly log: Log
  readonly limits?: Partial<EdgeLimits>
  readonly registry?: Registry
}

export interface EdgeStats {
  readonly connections: number
  readonly handshaking: number
  /** Pipes that wait for their other half. */
  readonly waiting: number
  readonly pipes: number
  /** Control connections of agents. */
  readonly control: number
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
  readonly #admission: Admission
  readonly #metrics: EdgeMetrics
  readonly #rendezvous: Rendezvous
  readonly #agents: AgentServer
  readonly #public: http.Server
  readonly #publicContext: tls.SecureContext
  readonly #sockets = new Set<net.Socket>()
  readonly #callers = new Map<tls.TLSSocket, Caller>()
  /** SHA-256 of the public certificate, hex with colons, as browsers show it. */
  readonly fingerprint: string
  #credentials: Credentials
  #draining = false

  static async open(options: EdgeOptions): Promise<Edge> {
    const { host, port } = options.listen
    const shown = options.publicCertificate ?? (await createPublicCertificate([nameFor(host)], Date.now()))
    const edge = new Edge(options, shown)
    edge.#listener.listen({ host, port, backlog: 4096 })
    try {
      await once(edge.#listener, 'listening')
    } catch (cause) {
      await edge[Symbol.asyncDispose]()
      const errno = (cause as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
      throw new Fault('LISTEN_FAILED', `${host}:${port}: ${errno}`, {
        hop: 'edge',
        cause,
        seen: { host, port, errno },
      })
    }
    return edge
  }

  private constructor(options: EdgeOptions, shown: PublicCertificate) {
    const { control, log, registry = new Registry() } = options
    this.#o = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#credentials = options.credentials
    this.fingerprint = fingerprintOf(shown)
    this.#publicContext = tls.createSecureContext({ ...shown, minVersion: 'TLSv1.2' })
    this.#admission = new Admission(this.#limits)
    this.#metrics = new EdgeMetrics(registry, {
      connections: () => this.#admission.connections,
      handshakes: () => this.#admission.handshakes,
      waiting: () => this.#rendezvous.waiting,
      pipes: () => this.#rendezvous.pipes,
      control: () => this.#agents.attached,
    })
    this.#rendezvous = new Rendezvous({ pairMs: this.#limits.pairMs, log, metrics: this.#metrics })
    this.#agents = new AgentServer({
      control,
      log,
      callerOf: (socket) => this.#callers.get(socket) ?? {},
      refused: (code) => this.#metrics.refused(code),
    })
    this.#public = httpServer({ headersMs: 10_000, requestMs: 60_000 }, (request, response) => {
      control.http(request, response)
    })
    this.#listener = net.createServer(
      {
        allowHalfOpen: true,
        noDelay: true,
        pauseOnConnect: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_MS,
      },
      (socket) => this.#accept(socket),
    )
  }

  get port(): number {
    return (this.#listener.address() as net.AddressInfo).port
  }

  stats(): EdgeStats {
    return {
      connections: this.#admission.connections,
      handshaking: this.#admission.handshakes,
      waiting: this.#rendezvous.waiting,
      pipes: this.#rendezvous.pipes,
      control: this.#agents.attached,
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
    const callers = [...this.#callers].filter(([, { peer }]) => peer !== undefined && matches(peer))
    for (const [socket] of callers) socket.destroy()
    return callers.length + this.#rendezvous.cut(matches)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#listener.listening ? once(this.#listener, 'close') : undefined
    this.#listener.close()
    this.#agents.close()
    this.#public.close(() => {})
    this.#rendezvous.cut(() => true)
    const gone = [...this.#sockets].map((socket) => once(socket, 'close'))
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all([closed, ...gone])
  }

  /** Never waits: each connection goes its own way, so that one that stalls delays nobody. */
  #accept(socket: net.Socket): void {
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
    this.#serve(socket, visit).catch((thrown: unknown) => {
      socket.destroy()
      const fault = asFault(thrown)
      this.#metrics.refused(fault.code)
      const fields = { event: 'edge.refused', code: fault.code, from, seen: fault.seen }
      if (fault.code === 'INTERNAL') this.#o.log.error({ ...fields, err: thrown }, fault.detail)
      else this.#o.log.info(fields, fault.detail)
    })
  }

  async #serve(socket: net.Socket, visit: Visit): Promise<void> {
    const started = performance.now()
    using limit = deadline(
      this.#limits.handshakeMs,
      'HANDSHAKE_TIMEOUT',
      'a peer did not finish its handshake',
    )
    const { alpn } = await peekClientHello(socket, limit)
    const kind = kindOf(alpn)
    if (kind === 'pipe') await this.#takeHalf(socket, limit)
    else if (kind === 'control') await this.#takeAgent(socket, limit)
    else await this.#takeVisitor(socket, limit)
    visit.settled()
    this.#metrics.handshakeDone(kind, performance.now() - started)
  }

  async #takeHalf(socket: net.Socket, signal: AbortSignal): Promise<void> {
    let seat: Seat | undefined
    try {
      await receiveHalf(socket, {
        credentials: this.#credentials,
        ticketKeys: () => this.#o.control.ticketKeys(),
        isRevoked: (serial) => this.#o.control.isRevoked(serial),
        admit: (ticket, peer) => {
          seat = this.#rendezvous.admit(ticket, peer)
        },
        signal,
      })
    } catch (thrown) {
      if (seat) this.#rendezvous.leave(seat)
      throw thrown
    }
    this.#rendezvous.arrive(seat!, socket)
  }

  async #takeAgent(socket: net.Socket, signal: AbortSignal): Promise<void> {
    const secure = await acceptTls(socket, {
      context: contextOf(this.#credentials),
      alpn: ALPN_CONTROL,
      requestCert: true,
      signal,
    })
    this.#callers.set(secure, this.#callerOn(secure))
    secure.once('close', () => this.#callers.delete(secure))
    this.#agents.take(secure)
  }

  #callerOn(secure: tls.TLSSocket): Caller {
    // No certificate is no fault: that is who comes to enrol.
    if (secure.getPeerX509Certificate() === undefined) return {}
    const { tenant, rootPem, isRevoked } = this.#o.control
    try {
      const peer = peerOf(secure, { tenant, roles: ['client', 'connector'], rootPem, nowMs: Date.now() })
      if (isRevoked.call(this.#o.control, peer.serial)) {
        throw new Fault('IDENTITY_REVOKED', `certificate ${peer.serial} is revoked`, {
          seen: { serial: peer.serial },
        })
      }
      return { peer }
    } catch (thrown) {
      return { fault: asFault(thrown) }
    }
  }

  async #takeVisitor(socket: net.Socket, signal: AbortSignal): Promise<void> {
    const context = this.#publicContext
    const secure = await acceptTls(socket, { context, alpn: ALPN_HTTP, requestCert: false, signal })
    this.#public.emit('connection', secure)
  }
}

function kindOf(alpn: readonly string[]): Kind {
  if (alpn.includes(ALPN_PIPE)) return 'pipe'
  if (alpn.includes(ALPN_CONTROL)) return 'control'
  if (alpn.length === 0 || alpn.includes(ALPN_HTTP) || alpn.includes('h2')) return 'https'
  throw new Fault('PROTOCOL_ERROR', 'the peer offers no protocol that is spoken here', {
    hop: 'edge',
    seen: { alpn: alpn.slice(0, 4).map((name) => name.replace(/[^\x20-\x7e]/g, '?').slice(0, 32)) },
  })
}

function nameFor(host: string): string {
  return ['0.0.0.0', '::'].includes(host) ? 'localhost' : host
}

function ignore(): void {}
