/**
 * The front of the edge beside the control plane: people, agents, and what remote edges pass on, all end here.
 *
 * @module
 */
import type http from 'node:http'
import type net from 'node:net'
import tls from 'node:tls'
import { asFault, Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { ControlPort } from '../link/control-port.ts'
import type { Credentials } from '../link/credentials.ts'
import { contextOf } from '../link/tls-context.ts'
import { acceptTls } from '../link/tls-session.ts'
import { type Peer, peerOf } from '../pki/verify.ts'
import { ALPN_CONTROL } from '../wire/handover.ts'
import type { PeerAddress } from '../wire/relay.ts'
import { AgentServer, type Caller } from './agent-server.ts'
import { peekClientHello } from './client-hello.ts'
import { ALPN_HTTP, type Arrival, type Front, kindOf } from './front.ts'
import { httpServer } from './http-server.ts'
import type { EdgeMetrics, Kind } from './metrics.ts'
import type { PublicCertificate } from './public-certificate.ts'
import { acceptRelay } from './relay-end.ts'

const REQUEST_MS = 60_000

export interface HomeFrontOptions {
  /** Asked at every handshake: they are renewed. */
  readonly credentials: () => Credentials
  readonly publicCertificate: PublicCertificate
  readonly control: ControlPort
  readonly headersMs: number
  readonly log: Log
  readonly metrics: EdgeMetrics
}

/** How a connection reached this edge where another edge passed it on. */
interface Relayed {
  readonly from: PeerAddress
  readonly via: string
}

export class HomeFront implements Front {
  readonly #o: HomeFrontOptions
  readonly #publicContext: tls.SecureContext
  readonly #callers = new Map<tls.TLSSocket, Caller>()
  readonly #relays = new Map<tls.TLSSocket, Peer>()
  readonly #agents: AgentServer
  readonly #people: http.Server

  constructor(options: HomeFrontOptions) {
    const { control, headersMs, log, metrics } = options
    this.#o = options
    this.#publicContext = tls.createSecureContext({ ...options.publicCertificate, minVersion: 'TLSv1.2' })
    this.#agents = new AgentServer({
      headersMs,
      control,
      log,
      callerOf: (socket) => this.#callers.get(socket) ?? {},
      refused: (code) => metrics.refused(code),
    })
    this.#people = httpServer({ headersMs, requestMs: REQUEST_MS }, log, (request, response) => {
      control.http(request, response)
    })
  }

  get attached(): number {
    return this.#agents.attached
  }

  get relayed(): number {
    return this.#relays.size
  }

  cut(matches: (peer: Peer) => boolean): number {
    const sockets = [
      ...[...this.#callers].filter(([, { peer }]) => peer !== undefined && matches(peer)),
      ...[...this.#relays].filter(([, edge]) => matches(edge)),
    ]
    for (const [socket] of sockets) socket.destroy()
    return sockets.length
  }

  async take(kind: Exclude<Kind, 'pipe'>, socket: net.Socket, arrival: Arrival): Promise<void> {
    if (kind === 'relay') await this.#takeRelay(socket, arrival)
    else await this.#serve(kind, socket, arrival.signal)
  }

  /** Agents are told to go by the end of the process. */
  drain(): void {}

  close(): void {
    this.#agents.close()
    this.#people.close(() => {})
    for (const socket of this.#relays.keys()) socket.destroy()
  }

  async #takeRelay(socket: net.Socket, { visit, signal }: Arrival): Promise<void> {
    const { control, credentials } = this.#o
    const { stream, edge, from } = await acceptRelay(socket, { credentials: credentials(), control, signal })
    this.#relays.set(stream, edge)
    stream.once('close', () => this.#relays.delete(stream))
    // The caps are on peers: what an edge passes on counts for who is behind it.
    if (!visit.isFrom(from.address)) {
      stream.destroy()
      throw new Fault('EDGE_BUSY', `${from.address} has too many connections`, { hop: 'edge' })
    }
    const kind = kindOf((await peekClientHello(stream, signal)).alpn)
    if (kind !== 'control' && kind !== 'https') {
      stream.destroy()
      throw new Fault('PROTOCOL_ERROR', `edge ${edge.identity.id} passed on a ${kind}`, { hop: 'edge' })
    }
    await this.#serve(kind, stream, signal, { from, via: edge.identity.id })
  }

  async #serve(kind: 'control' | 'https', socket: net.Socket, signal: AbortSignal, relayed?: Relayed) {
    if (kind === 'https') {
      const context = this.#publicContext
      const secure = await acceptTls(socket, { context, alpn: ALPN_HTTP, requestCert: false, signal })
      if (relayed) showAddress(secure, relayed.from)
      this.#people.emit('connection', secure)
      return
    }
    const context = contextOf(this.#o.credentials())
    const secure = await acceptTls(socket, { context, alpn: ALPN_CONTROL, requestCert: true, signal })
    if (relayed) showAddress(secure, relayed.from)
    this.#callers.set(secure, { ...this.#identify(secure), via: relayed?.via })
    secure.once('close', () => this.#callers.delete(secure))
    this.#agents.take(secure)
  }

  /** A refusal is told over HTTP, where the agent can read it: an alert of TLS would name no reason. */
  #identify(secure: tls.TLSSocket): Caller {
    // No certificate is no fault: that is who comes to enrol.
    if (secure.getPeerX509Certificate() === undefined) return {}
    const { control } = this.#o
    const { tenant, rootPem } = control
    const roles = ['client', 'connector', 'edge'] as const
    try {
      const peer = peerOf(secure, { tenant, roles: [...roles], rootPem, nowMs: Date.now() })
      const { role, id } = peer.identity
      if (control.isRevoked(peer.serial)) {
        const seen = { serial: peer.serial }
        throw new Fault('IDENTITY_REVOKED', `certificate ${peer.serial} is revoked`, { seen })
      }
      if (role === 'edge' && !control.admitsEdge(peer)) {
        throw new Fault('PEER_REFUSED', `edge ${id} is not registered here, disabled, or enrolled anew`, {
          hop: 'edge',
        })
      }
      return { peer }
    } catch (thrown) {
      return { fault: asFault(thrown) }
    }
  }
}

/** TLS in TLS has no address of its own: whoever serves the connection sees that of the peer. */
function showAddress(secure: tls.TLSSocket, { address, port }: PeerAddress): void {
  Object.defineProperties(secure, { remoteAddress: { value: address }, remotePort: { value: port } })
}
