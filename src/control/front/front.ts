/**
 * Where the control plane meets the network: a Unix socket that the edge beside it passes connections on to, each with
 * the address of its peer in front. People, agents, and what remote edges pass on, all end their TLS here, with
 * certificates that no edge has.
 *
 * @module
 */
import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import tls from 'node:tls'
import type { Registry } from 'prom-client'
import { deadline } from '../../base/deadline.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { listenUnix } from '../../base/listen-unix.ts'
import type { Log } from '../../base/log.ts'
import type { RefusedCounter } from '../../base/prometheus.ts'
import { Admission, type Visit } from '../../link/accept/admission.ts'
import { ALPN_HTTP, kindOf } from '../../link/accept/arrival.ts'
import { peekClientHello } from '../../link/accept/client-hello.ts'
import { DescriptorReserve } from '../../link/accept/descriptor-reserve.ts'
import { DEFAULT_LIMITS, type EdgeLimits } from '../../link/accept/edge-limits.ts'
import { originText } from '../../link/accept/origin.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import { contextOf } from '../../link/dial/tls-context.ts'
import { acceptTls } from '../../link/dial/tls-session.ts'
import { type PublicPin, publicPinOf } from '../../pki/public-pin.ts'
import { type Peer, peerOf } from '../../pki/verify.ts'
import { ALPN_CONTROL } from '../../wire/handover.ts'
import type { PeerAddress } from '../../wire/relay.ts'
import { type AgentCaller, AgentServer } from './agent-server.ts'
import type { FrontBackend } from './backend.ts'
import { httpServer } from './http-server.ts'
import { frontMetrics } from './metrics.ts'
import type { PublicCertificate } from './public-certificate.ts'
import { acceptRelay, readPeerAddress } from './relay-end.ts'

const REQUEST_MS = 60_000

export interface FrontOptions {
  /** Path of the Unix socket. */
  readonly socket: string
  /** Identity of role `control`. */
  readonly credentials: Credentials
  readonly publicCertificate: PublicCertificate
  readonly backend: FrontBackend
  readonly log: Log
  readonly limits?: Partial<EdgeLimits>
  /** Most descriptors of the process; by default what the kernel allows. */
  readonly descriptors?: number
  readonly registry?: Registry
}

/** Who is behind a connection, and the remote edge that it came by, if it did. */
interface Passed {
  readonly from: PeerAddress
  readonly via?: string
}

/** For browsers and tools that know no TLS 1.3: forward secrecy and AEAD, no CBC. */
const PUBLIC_CIPHERS = [
  ...['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ...['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
].join(':')

/** As long as a control connection that was told goodbye has to end by itself. */
const GOODBYE_MS = 2000

/** In hand, it listens; disposed, everything it accepted is gone. */
export class Front implements AsyncDisposable {
  readonly #o: FrontOptions
  readonly #limits: EdgeLimits
  #publicContext: tls.SecureContext
  #publicPin: PublicPin
  readonly #listener: net.Server
  readonly #admission: Admission
  readonly #descriptors: DescriptorReserve
  readonly #refused: RefusedCounter
  readonly #sockets = new Set<net.Socket>()
  readonly #callers = new Map<tls.TLSSocket, AgentCaller>()
  readonly #relays = new Map<tls.TLSSocket, Peer>()
  readonly #agents: AgentServer
  readonly #people: http.Server
  #credentials: Credentials

  /** @throws {Fault} STATE_IN_USE if a control plane answers at this socket; STATE_UNWRITABLE. */
  static async open(options: FrontOptions): Promise<Front> {
    const front = new Front(options)
    await listenUnix(front.#listener, options.socket)
    return front
  }

  private constructor(options: FrontOptions) {
    const { backend, log, registry, publicCertificate, limits, descriptors } = options
    this.#o = options
    this.#credentials = options.credentials
    this.#limits = { ...DEFAULT_LIMITS, ...limits }
    this.#publicContext = publicContextOf(publicCertificate)
    this.#publicPin = publicPinOf(publicCertificate.cert)
    this.#descriptors = new DescriptorReserve(log, 'control', descriptors)
    const connections = Math.min(this.#limits.connections, this.#descriptors.most)
    this.#admission = new Admission({ ...this.#limits, connections }, { takesRelays: true })
    this.#refused = frontMetrics(
      {
        connections: () => this.#sockets.size,
        attached: () => this.attached,
        relayed: () => this.relayed,
      },
      registry,
    )
    const { headersMs } = this.#limits
    this.#agents = new AgentServer({
      ...{ headersMs, backend, log },
      callerOf: (socket) => this.#callers.get(socket) ?? {},
      refused: (code) => this.#refused.add(code),
    })
    this.#people = httpServer({ headersMs, requestMs: REQUEST_MS }, log, (request, response) => {
      backend.http(request, response)
    })
    this.#listener = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket),
    )
  }

  /** What the certificate for people and tools is known by. */
  get publicPin(): PublicPin {
    return this.#publicPin
  }

  /** Control connections of agents. */
  get attached(): number {
    return this.#agents.attached
  }

  /** Connections that remote edges pass on. */
  get relayed(): number {
    return this.#relays.size
  }

  get connections(): number {
    return this.#sockets.size
  }

  get refusedByCode(): Readonly<Record<string, number>> {
    return this.#refused.byCode
  }

  /** The certificate for people and tools was renewed: handshakes from here on show it. */
  show(publicCertificate: PublicCertificate): void {
    this.#publicContext = publicContextOf(publicCertificate)
    this.#publicPin = publicPinOf(publicCertificate.cert)
  }

  /** The certificate of role `control` was renewed: handshakes from here on use it. */
  renew(credentials: Credentials): void {
    this.#credentials = credentials
  }

  /**
   * Closes what matching peers pass on, and their control connections, where they were told goodbye: that is still to
   * arrive. @returns how many.
   */
  cut(matches: (peer: Peer) => boolean): number {
    const relays = [...this.#relays].filter(([, edge]) => matches(edge))
    for (const [socket] of relays) socket.destroy()
    const callers = [...this.#callers].filter(([, { peer }]) => peer !== undefined && matches(peer))
    for (const [socket] of callers) {
      const late = setTimeout(() => socket.destroy(), GOODBYE_MS)
      socket.once('close', () => clearTimeout(late))
    }
    return relays.length + callers.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    this.#agents.close()
    this.#people.close(() => {})
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** Never waits: each connection goes its own way, so that one that stalls delays nobody. */
  #accept(socket: net.Socket): void {
    socket.on('error', ignore)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const met: { from?: string } = {}
    this.#serve(socket, met).catch((thrown: unknown) => {
      socket.destroy()
      const fault = asFault(thrown)
      this.#refused.add(fault.code)
      const fields = { event: 'control.refused', code: fault.code, from: met.from, seen: fault.seen }
      if (fault.code === 'INTERNAL') this.#o.log.error({ ...fields, err: thrown }, fault.detail)
      else this.#o.log.info(fields, fault.detail)
    })
  }

  async #serve(socket: net.Socket, met: { from?: string }): Promise<void> {
    this.#descriptors.admit(socket) // for the database, and for whoever comes by the admin socket
    const { handshakeMs } = this.#limits
    using limit = deadline(handshakeMs, 'HANDSHAKE_TIMEOUT', 'a peer did not finish its handshake')
    const from = await readPeerAddress(socket, limit)
    met.from = from.address
    const visit = this.#admission.enter(from.address)
    socket.once('close', () => visit.left())
    await this.#take(socket, visit, { from }, met, limit)
    visit.settled()
  }

  async #take(
    socket: net.Socket,
    visit: Visit,
    passed: Passed,
    met: { from?: string },
    signal: AbortSignal,
  ): Promise<void> {
    const kind = kindOf((await peekClientHello(socket, signal)).alpn)
    if (kind === 'https') return this.#takePerson(socket, passed, signal)
    if (kind === 'control') return this.#takeAgent(socket, passed, signal)
    if (kind === 'relay' && passed.via === undefined)
      return this.#takeRelay(socket, visit, passed, met, signal)
    const by = passed.via === undefined ? 'the edge' : `edge ${passed.via}`
    throw new Fault('PROTOCOL_ERROR', `${by} passed on a ${kind}`, { hop: 'edge' })
  }

  async #takeRelay(
    socket: net.Socket,
    visit: Visit,
    { from: { address } }: Passed,
    met: { from?: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { backend } = this.#o
    const { stream, edge, from } = await acceptRelay(socket, {
      ...{ credentials: this.#credentials, backend, address, signal },
      enter(claimed, { identity }) {
        met.from = originText(claimed.address, identity.id)
        visit.isFrom(claimed.address, identity.id)
      },
    })
    this.#relays.set(stream, edge)
    stream.once('close', () => this.#relays.delete(stream))
    try {
      await this.#take(stream, visit, { from, via: edge.identity.id }, met, signal)
    } catch (thrown) {
      stream.destroy()
      throw thrown
    }
  }

  async #takePerson(socket: net.Socket, passed: Passed, signal: AbortSignal): Promise<void> {
    const context = this.#publicContext
    const secure = await acceptTls(socket, { context, alpn: ALPN_HTTP, requestCert: false, signal })
    showOrigin(secure, passed)
    this.#people.emit('connection', secure)
  }

  async #takeAgent(socket: net.Socket, passed: Passed, signal: AbortSignal): Promise<void> {
    const context = contextOf(this.#credentials)
    const secure = await acceptTls(socket, { context, alpn: ALPN_CONTROL, requestCert: true, signal })
    showOrigin(secure, passed)
    const caller = this.#identify(secure)
    const { turned } = caller
    const { backend } = this.#o
    const fault = turned && (await backend.turnedAway?.(turned, secure.remoteAddress ?? '', caller.fault))
    this.#callers.set(secure, { ...caller, ...(fault && { fault }), via: passed.via })
    secure.once('close', () => this.#callers.delete(secure))
    this.#agents.take(secure)
  }

  /** A refusal is told over HTTP, where the agent can read it: an alert of TLS would name no reason. */
  #identify(secure: tls.TLSSocket): AgentCaller & { readonly turned?: Peer } {
    // No certificate is no fault: that is who comes to enrol.
    if (secure.getPeerX509Certificate() === undefined) return {}
    const { backend } = this.#o
    const { tenant, rootPem } = backend
    const roles = ['client', 'connector', 'edge'] as const
    try {
      const peer = peerOf(secure, { tenant, roles: [...roles], rootPem, nowMs: Date.now() })
      const { role, id } = peer.identity
      if (backend.isRevoked(peer.serial)) {
        const seen = { serial: peer.serial }
        const fault = new Fault('IDENTITY_REVOKED', `certificate ${peer.serial} is revoked`, { seen })
        return { fault, turned: peer }
      }
      if (role === 'edge' && !backend.admitsEdge(peer)) {
        const why = `edge ${id} is not registered here, disabled, or enrolled again`
        return { fault: new Fault('PEER_REFUSED', why, { hop: 'edge' }), turned: peer }
      }
      return { peer }
    } catch (thrown) {
      return { fault: asFault(thrown) }
    }
  }
}

/** What was passed on has no address of its own: whoever serves the connection sees whose it is, and whose word that is. */
function showOrigin(secure: tls.TLSSocket, { from: { address, port }, via }: Passed): void {
  const value = originText(address, via)
  Object.defineProperties(secure, { remoteAddress: { value }, remotePort: { value: port } })
}

function ignore(): void {}

function publicContextOf(certificate: PublicCertificate): tls.SecureContext {
  return tls.createSecureContext({ ...certificate, minVersion: 'TLSv1.2', ciphers: PUBLIC_CIPHERS })
}
