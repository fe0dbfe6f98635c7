/**
 * What is not a half of a pipe goes on to the control plane, unread and unended, one connection for each. Nothing of it
 * can be read here: its TLS ends there, with a certificate of role `control`.
 *
 * @module
 */
import type net from 'node:net'
import { deadline } from '../base/deadline.ts'
import { asFault, Fault, type FaultCode, isFaultCode } from '../base/faults.ts'
import { hostPort } from '../base/host-port.ts'
import type { ArrivalKind } from '../link/accept/arrival.ts'
import { addressToClaim } from '../link/accept/claimed-address.ts'
import type { Credentials, EdgeAddress } from '../link/dial/credentials.ts'
import { dialEdge } from '../link/dial/dial.ts'
import { dialLocal } from '../link/dial/dial-local.ts'
import type { Egress } from '../link/dial/egress.ts'
import { readable, readExactly, StreamEnded } from '../link/dial/read-exactly.ts'
import { contextOf } from '../link/dial/tls-context.ts'
import { acceptTls, startTls } from '../link/dial/tls-session.ts'
import { verifyControl } from '../link/dial/verify-server.ts'
import { cutSocket } from '../mux/cut-socket.ts'
import { ALPN_AWAY } from '../wire/handover.ts'
import { ALPN_RELAY, encodeRelayHeader, type PeerAddress, RELAY_OK } from '../wire/relay.ts'
import { type HalfStream, stitchStreams } from './stitch-streams.ts'

/** It is not there, or there is no way to it. Whoever is refused by it is cut off: that is no word for others. */
const UNREACHED: ReadonlySet<FaultCode> = new Set([
  ...(['CONTROL_UNREACHABLE', 'EDGE_UNREACHABLE', 'EGRESS_BLOCKED', 'EGRESS_REJECTED'] as const),
  ...(['HANDSHAKE_TIMEOUT', 'PROXY_UNREACHABLE', 'EDGE_NAME_NXDOMAIN', 'RESOLVER_UNREACHABLE'] as const),
])
/** A control plane that takes longer is away: agents have to hear so before they give up by themselves. */
const BESIDE_MS = 2500
const REMOTE_MS = 5000

export interface RelaysOptions {
  /** The edge next to the control plane; for that edge itself, the socket of the control plane. */
  readonly home: EdgeAddress
  readonly egress: Egress
  readonly credentials: () => Credentials
}

export class Relays {
  readonly #o: RelaysOptions
  readonly #open = new Set<net.Socket>()
  #draining = false

  constructor(options: RelaysOptions) {
    this.#o = options
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * From the ClientHello, which is still in `socket`, to where somebody else serves it.
   *
   * @throws {Fault} EDGE_DRAINING; PROTOCOL_ERROR for a relay inside a relay; why the control plane is not reached; the
   *   reason of `signal`.
   */
  async take(kind: Exclude<ArrivalKind, 'pipe'>, socket: net.Socket, signal: AbortSignal): Promise<void> {
    const { home } = this.#o
    if (kind === 'relay' && home.socket === undefined) {
      throw new Fault('PROTOCOL_ERROR', 'only the edge next to the control plane accepts relays', {
        hop: 'edge',
      })
    }
    if (this.#draining) throw new Fault('EDGE_DRAINING', 'it accepts no new connections')
    const far = await this.#reach(kind, socket, signal).catch(async (thrown: unknown) => {
      if (kind !== 'https' && UNREACHED.has(asFault(thrown).code) && !socket.destroyed)
        await this.#sayAway(socket, signal)
      throw thrown
    })
    if (socket.destroyed) {
      far.socket.destroy()
      return
    }
    this.#open.add(socket)
    void stitchStreams({ socket }, far).then(() => this.#open.delete(socket))
  }

  /**
   * Takes nobody any more, and lets go of whom it has: they find another edge. Beside the control plane there is no
   * other way to it, so there they stay until both end.
   */
  drain(): void {
    if (this.#o.home.socket !== undefined) return
    this.#draining = true
    this.close()
  }

  close(): void {
    for (const socket of this.#open) cutSocket(socket)
  }

  /** @throws {Fault} CONTROL_UNREACHABLE; as dialEdge; the reason of `signal`. */
  async #reach(kind: ArrivalKind, socket: net.Socket, signal: AbortSignal): Promise<HalfStream> {
    const { home } = this.#o
    const peer = { address: socket.remoteAddress ?? '0.0.0.0', port: socket.remotePort ?? 0 }
    const limitMs = home.socket === undefined ? REMOTE_MS : BESIDE_MS
    using limit = deadline(limitMs, 'CONTROL_UNREACHABLE', 'the control plane does not answer', signal)
    const far =
      home.socket === undefined
        ? await this.#dialHome(peer, limit)
        : { socket: await dialLocal(home.socket, peer, limit) }
    if (kind === 'control') await answered(socket, far, limit)
    return far
  }

  /** Whoever comes for the control plane is told by this edge, in its own name, that it is away. */
  async #sayAway(socket: net.Socket, signal: AbortSignal): Promise<void> {
    const context = contextOf(this.#o.credentials())
    const secure = await acceptTls(socket, { context, alpn: ALPN_AWAY, requestCert: false, signal })
    secure.end()
  }

  /** @throws {Fault} as dialEdge; what it refuses with; CONTROL_UNREACHABLE. */
  async #dialHome(peer: PeerAddress, signal: AbortSignal): Promise<HalfStream> {
    const { home, egress } = this.#o
    const credentials = this.#o.credentials()
    const socket = await dialEdge(home, { egress, signal })
    const outer = await startTls(socket, {
      context: contextOf(credentials),
      alpn: [ALPN_RELAY, ALPN_AWAY],
      servername: home.host,
      signal,
    })
    try {
      verifyControl(outer, credentials, { alpn: ALPN_RELAY })
      outer.write(encodeRelayHeader({ ...peer, address: addressToClaim(peer.address, socket.localAddress) }))
      const length = (await readExactly(outer, 1, signal))[0]!
      if (length === RELAY_OK) return { socket, outer }
      const code = (await readExactly(outer, length, signal)).toString('ascii')
      const said = isFaultCode(code) ? code : 'CONTROL_UNREACHABLE'
      throw new Fault(said, `the control plane behind ${hostPort(home)} accepts no relay from here`, {
        seen: { code },
      })
    } catch (thrown) {
      outer.destroy()
      signal.throwIfAborted()
      throw asFault(thrown, 'CONTROL_UNREACHABLE')
    }
  }
}

/** Passes the ClientHello on and waits for the first word of an answer. Without one the ClientHello is put back. */
async function answered(socket: net.Socket, far: HalfStream, signal: AbortSignal): Promise<void> {
  const stream = far.outer ?? far.socket
  const hello = socket.read() as Buffer | null
  if (hello !== null) stream.write(hello)
  try {
    await readable(stream, signal)
    if (stream.errored !== null) throw new StreamEnded(stream.errored)
  } catch (thrown) {
    stream.destroy()
    if (hello !== null) socket.unshift(hello)
    throw thrown instanceof StreamEnded ? dropped(thrown) : thrown
  }
}

/** What is closed unread was never looked at: whom it refuses, it has read. */
function dropped({ cause }: StreamEnded): Fault {
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown'
  return new Fault(
    'CONTROL_UNREACHABLE',
    `the control plane accepts connections and closes them unread (${errno}): it is out of descriptors, or is stopping`,
    { cause, seen: { errno } },
  )
}
