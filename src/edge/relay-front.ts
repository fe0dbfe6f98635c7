/**
 * The front of a remote edge: what is not a half of a pipe goes on to the home edge, unread and unended, one
 * connection for each. Nothing of it can be read here: its TLS ends at home.
 *
 * @module
 */
import type net from 'node:net'
import { asFault, Fault, isFaultCode } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { Credentials, EdgeAddress } from '../link/credentials.ts'
import { dialEdge } from '../link/dial.ts'
import { type Egress, hostPort } from '../link/egress.ts'
import { readExactly } from '../link/read-exactly.ts'
import { contextOf } from '../link/tls-context.ts'
import { startTls } from '../link/tls-session.ts'
import { verifyEdge } from '../link/verify-edge.ts'
import { ALPN_RELAY, encodeRelayHeader, RELAY_OK } from '../wire/relay.ts'
import type { Arrival, Front } from './front.ts'
import type { Kind } from './metrics.ts'
import { type HalfStream, stitchStreams } from './stitch-streams.ts'

export interface RelayFrontOptions {
  readonly home: EdgeAddress
  readonly egress: Egress
  readonly credentials: () => Credentials
  readonly log: Log
}

export class RelayFront implements Front {
  readonly #o: RelayFrontOptions
  readonly #relays = new Set<net.Socket>()
  #draining = false

  constructor(options: RelayFrontOptions) {
    this.#o = options
  }

  /** None: their TLS ends at home. */
  get attached(): number {
    return 0
  }

  get relayed(): number {
    return this.#relays.size
  }

  async take(kind: Exclude<Kind, 'pipe'>, socket: net.Socket, { signal }: Arrival): Promise<void> {
    if (kind === 'relay')
      throw new Fault('PROTOCOL_ERROR', 'only the home edge takes relays', { hop: 'edge' })
    if (this.#draining) throw new Fault('EDGE_DRAINING', 'it takes nobody new')
    const peer = { address: socket.remoteAddress ?? '0.0.0.0', port: socket.remotePort ?? 0 }
    const far = await this.#dialHome(encodeRelayHeader(peer), signal)
    if (socket.destroyed) {
      far.socket.destroy()
      return
    }
    this.#relays.add(socket)
    void stitchStreams({ socket }, far).then(() => this.#relays.delete(socket))
  }

  cut(): number {
    return 0
  }

  drain(): void {
    this.#draining = true
    this.close()
  }

  close(): void {
    for (const socket of this.#relays) socket.destroy()
  }

  /** @throws {Fault} as dialEdge; what the home edge refuses with; CONTROL_UNREACHABLE. */
  async #dialHome(header: Buffer, signal: AbortSignal): Promise<HalfStream> {
    const { home, egress } = this.#o
    const credentials = this.#o.credentials()
    const socket = await dialEdge(home, { egress, signal })
    const outer = await startTls(socket, {
      context: contextOf(credentials),
      alpn: ALPN_RELAY,
      servername: home.host,
      signal,
    })
    try {
      verifyEdge(outer, credentials, { alpn: ALPN_RELAY })
      outer.write(header)
      const length = (await readExactly(outer, 1, signal))[0]!
      if (length === RELAY_OK) return { socket, outer }
      const code = (await readExactly(outer, length, signal)).toString('ascii')
      const said = isFaultCode(code) ? code : 'CONTROL_UNREACHABLE'
      throw new Fault(said, `the home edge ${hostPort(home)} takes no relay from here`, { seen: { code } })
    } catch (thrown) {
      outer.destroy()
      signal.throwIfAborted()
      throw asFault(thrown, 'CONTROL_UNREACHABLE')
    }
  }
}
