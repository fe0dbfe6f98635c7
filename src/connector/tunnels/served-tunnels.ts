/**
 * The tunnels of one process: each ticket becomes a half at an edge, a TLS session with the client behind it, and a mux
 * whose streams are served.
 *
 * @module
 */
import { asFault, type Fault, type FaultCode } from '../../base/faults.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import { bringTunnelEnd, type TunnelEndOptions } from '../../link/pipe/tunnel-end.ts'
import { Mux } from '../../mux/mux.ts'
import type { PipeTicket } from '../../wire/control.ts'
import { type StreamServices, TunnelStreams } from './streams.ts'

/** A tunnel that control wants. */
export interface TunnelTicket {
  readonly pipe: PipeTicket
  /** The session that it is for. */
  readonly session: string
  /** Id of the client at the other end. */
  readonly device: string
}

/** How a half is brought to an edge. */
export interface TunnelWay {
  readonly egress: Egress
  readonly credentials: Credentials
}

export class ServedTunnels {
  readonly #services: StreamServices
  readonly #open = new Set<Mux>()
  readonly #stop = new AbortController()
  #draining = false

  constructor(services: StreamServices) {
    this.#services = services
  }

  get count(): number {
    return this.#open.size
  }

  /**
   * Brings this connector's half of a pipe, and serves what comes through it. Never rejects.
   *
   * @param closed Called once, when the tunnel has closed, or failed to open.
   * @returns Why it failed to open.
   */
  async bring(
    ticket: TunnelTicket,
    way: TunnelWay & Pick<TunnelEndOptions, 'rawPhase'>,
    closed: () => void,
  ): Promise<Fault | undefined> {
    const { log, shares } = this.#services
    const { device, session } = ticket
    const about = aboutTicket(ticket)
    let letGo = closed
    try {
      shares.sessions.take(device)
      letGo = () => {
        shares.sessions.give(device)
        closed()
      }
      await this.#bring(ticket, way, letGo)
      return undefined
    } catch (error) {
      letGo()
      const fault = asFault(error)
      log.warn(
        { event: 'tunnel.failed', ...about, code: fault.code, hop: fault.hop, seen: fault.seen },
        `Tunnel for session ${session} failed: ${fault.message}`,
      )
      return fault
    }
  }

  async #bring(
    ticket: TunnelTicket,
    way: TunnelWay & Pick<TunnelEndOptions, 'rawPhase'>,
    letGo: () => void,
  ): Promise<void> {
    const { log } = this.#services
    const { pipe, session, device } = ticket
    const about = aboutTicket(ticket)
    const { signal } = this.#stop
    const { socket, handoverUs, innerTlsUs, peer, wrapped } = await bringTunnelEnd('connector', pipe, {
      ...way,
      signal,
    })
    const { tenant, id: connector } = way.credentials.identity
    const facts = {
      connector,
      device: peer.identity.id,
      pipe: pipe.pipe,
      edge: pipe.edge.id,
      firstSession: session,
      handoverUs,
      innerTlsUs,
    }
    const streams = new TunnelStreams(this.#services, facts, tenant, peer.thumbprint)
    const mux = new Mux(socket, {
      role: 'connector',
      log,
      onOpen: streams.onOpen,
      onGrant: streams.onGrant,
      onClose: (why) => {
        this.#open.delete(mux)
        letGo()
        log.info(
          { event: 'tunnel.closed', ...about, code: why?.code, detail: why?.detail },
          `Tunnel to ${device} closed`,
        )
      },
    })
    this.#open.add(mux)
    if (this.#draining) mux.goaway('CONNECTOR_DRAINING', 'the connector is stopping')
    log.info({ event: 'tunnel.open', ...about, handoverUs, innerTlsUs, wrapped }, `Tunnel to ${device} open`)
  }

  /** No new streams in the tunnels there are. */
  drain(): void {
    this.#draining = true
    for (const mux of this.#open) mux.goaway('CONNECTOR_DRAINING', 'the connector is stopping')
  }

  /** Ends every tunnel, and those under way. */
  async close(code: FaultCode, detail: string): Promise<void> {
    this.#draining = true
    this.#stop.abort(new Error(detail))
    for (const mux of this.#open) mux.close(code, detail)
    await Promise.all([...this.#open].map((mux) => mux[Symbol.asyncDispose]()))
  }
}

/** For the log. */
export function aboutTicket({ pipe, session, device }: TunnelTicket) {
  return { pipe: pipe.pipe, session, edge: pipe.edge.id, peer: pipe.peer, device }
}
