import type http from 'node:http'
import type net from 'node:net'
import tls from 'node:tls'
import { asFault, Fault } from '../base/faults.ts'
import type { ControlPort } from '../link/control-port.ts'
import type { Credentials } from '../link/credentials.ts'
import { type ReceivedHalf, receiveHalf } from '../link/receive-half.ts'
import { contextOf } from '../link/tls-context.ts'
import { acceptTls } from '../link/tls-session.ts'
import { type Peer, peerOf } from '../pki/verify.ts'
import { ALPN_CONTROL, ALPN_PIPE } from '../wire/handover.ts'
import type { AgentServer, Caller } from './agent-server.ts'
import { peekClientHello } from './client-hello.ts'
import type { Kind } from './metrics.ts'
import type { PublicCertificate } from './public-certificate.ts'
import type { Rendezvous, Seat } from './rendezvous.ts'

const ALPN_HTTP = 'http/1.1'

export interface DispatchOptions {
  readonly credentials: Credentials
  readonly publicCertificate: PublicCertificate
  readonly control: ControlPort
  readonly rendezvous: Rendezvous
  readonly agents: AgentServer
  /** Takes connections of people. */
  readonly people: http.Server
}

/** Tells connections apart by the ALPN of their ClientHello, ends their TLS and gives them to who serves them. */
export class Dispatch {
  readonly #o: DispatchOptions
  readonly #publicContext: tls.SecureContext
  readonly #callers = new Map<tls.TLSSocket, Caller>()
  /** Of this edge; replaced when it is renewed, for the handshakes from then on. */
  credentials: Credentials

  constructor(options: DispatchOptions) {
    this.#o = options
    this.credentials = options.credentials
    this.#publicContext = tls.createSecureContext({ ...options.publicCertificate, minVersion: 'TLSv1.2' })
  }

  /** Who is on a connection that was given to `agents`. */
  callerOf(socket: tls.TLSSocket): Caller {
    return this.#callers.get(socket) ?? {}
  }

  /** Closes the control connections of matching peers. @returns how many. */
  cut(matches: (peer: Peer) => boolean): number {
    const sockets = [...this.#callers].filter(([, { peer }]) => peer !== undefined && matches(peer))
    for (const [socket] of sockets) socket.destroy()
    return sockets.length
  }

  /**
   * From the first byte to the end of the handshake; whoever serves the connection has it then.
   *
   * @throws {Fault} what the peer was refused with; the reason of `signal`, which is the deadline.
   */
  async take(socket: net.Socket, signal: AbortSignal): Promise<Kind> {
    const { alpn } = await peekClientHello(socket, signal)
    const kind = kindOf(alpn)
    if (kind === 'pipe') await this.#takeHalf(socket, signal)
    else if (kind === 'control') await this.#takeAgent(socket, signal)
    else await this.#takeVisitor(socket, signal)
    return kind
  }

  async #takeHalf(socket: net.Socket, signal: AbortSignal): Promise<void> {
    const { control, rendezvous } = this.#o
    let seat: Seat | undefined
    let half: ReceivedHalf | undefined
    try {
      half = await receiveHalf(socket, {
        credentials: this.credentials,
        ticketKeys: () => control.ticketKeys(),
        isRevoked: (serial) => control.isRevoked(serial),
        admit: (ticket, peer) => {
          seat = rendezvous.admit(ticket, peer)
        },
        signal,
      })
    } catch (thrown) {
      if (seat) rendezvous.leave(seat)
      throw thrown
    }
    if (half !== undefined) rendezvous.arrive(seat!, half)
  }

  async #takeAgent(socket: net.Socket, signal: AbortSignal): Promise<void> {
    const context = contextOf(this.credentials)
    const secure = await acceptTls(socket, { context, alpn: ALPN_CONTROL, requestCert: true, signal })
    this.#callers.set(secure, this.#identify(secure))
    secure.once('close', () => this.#callers.delete(secure))
    this.#o.agents.take(secure)
  }

  /** A refusal is told over HTTP, where the agent can read it: an alert of TLS would name no reason. */
  #identify(secure: tls.TLSSocket): Caller {
    // No certificate is no fault: that is who comes to enrol.
    if (secure.getPeerX509Certificate() === undefined) return {}
    const { control } = this.#o
    const { tenant, rootPem } = control
    try {
      const peer = peerOf(secure, { tenant, roles: ['client', 'connector'], rootPem, nowMs: Date.now() })
      if (!control.isRevoked(peer.serial)) return { peer }
      const seen = { serial: peer.serial }
      return { fault: new Fault('IDENTITY_REVOKED', `certificate ${peer.serial} is revoked`, { seen }) }
    } catch (thrown) {
      return { fault: asFault(thrown) }
    }
  }

  async #takeVisitor(socket: net.Socket, signal: AbortSignal): Promise<void> {
    const context = this.#publicContext
    const secure = await acceptTls(socket, { context, alpn: ALPN_HTTP, requestCert: false, signal })
    this.#o.people.emit('connection', secure)
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
