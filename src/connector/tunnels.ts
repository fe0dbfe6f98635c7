/**
 * The tunnels of this connector: each ticket from control becomes a half at an edge, a TLS session with the client
 * behind it, and a mux whose streams are served.
 *
 * @module
 */
import { asFault, type Fault, type FaultCode } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { Credentials } from '../link/credentials.ts'
import type { Egress } from '../link/egress.ts'
import type { RawPhase } from '../link/raw-phase.ts'
import { bringTunnelEnd } from '../link/tunnel-end.ts'
import { Mux } from '../mux/mux.ts'
import type { PipeTicket } from '../wire/control.ts'
import { type StreamServices, TunnelStreams } from './streams.ts'
import { TunnelTotals } from './totals.ts'

/** Halves being brought at once: only control asks for them, this is against a defect there. */
const MAX_PENDING = 256

export interface TunnelsOptions {
  readonly services: StreamServices
  readonly rawPhase: RawPhase
  readonly log: Log
  /** Called when a tunnel came or went. */
  readonly onChange?: () => void
}

export class Tunnels {
  readonly totals = new TunnelTotals()
  readonly #options: TunnelsOptions
  readonly #open = new Set<Mux>()
  readonly #stop = new AbortController()
  #pending = 0
  #draining = false

  constructor(options: TunnelsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#open.size
  }

  /** Brings this connector's half of `pipe` and serves what comes through it. Never rejects. */
  async bring(
    pipe: PipeTicket,
    session: string,
    o: {
      egress: Egress
      credentials: Credentials
      /** The half could not be brought to this edge. */
      onEdgeLost: (edge: string, fault: Fault) => void
    },
  ): Promise<void> {
    const { log, services, rawPhase, onChange } = this.#options
    const { egress, credentials } = o
    const about = { pipe: pipe.pipe, session, edge: pipe.edge.id, peer: pipe.peer }
    if (this.#draining || this.#pending >= MAX_PENDING) {
      log.warn({ event: 'tunnel.refused', ...about, draining: this.#draining }, 'Ticket not followed')
      return
    }
    this.#pending++
    try {
      const { signal } = this.#stop
      const way = { egress, credentials, rawPhase, signal }
      const { socket, handoverUs, innerTlsUs, peer, wrapped } = await bringTunnelEnd('connector', pipe, way)
      const { tenant, id: connector } = credentials.identity
      const { id: device } = peer.identity
      const facts = {
        connector,
        device,
        pipe: pipe.pipe,
        edge: pipe.edge.id,
        firstSession: session,
        handoverUs,
        innerTlsUs,
      }
      const streams = new TunnelStreams(services, facts, tenant, peer.thumbprint)
      const mux = new Mux(socket, {
        role: 'connector',
        log,
        onOpen: streams.onOpen,
        onGrant: streams.onGrant,
        onClose: (why) => {
          this.#open.delete(mux)
          log.info(
            { event: 'tunnel.closed', ...about, code: why?.code, detail: why?.detail },
            `Tunnel to ${device} closed`,
          )
          onChange?.()
        },
      })
      this.#open.add(mux)
      this.totals.opened++
      if (this.#draining) mux.goaway('CONNECTOR_DRAINING', 'the connector is stopping')
      log.info(
        { event: 'tunnel.open', ...about, handoverUs, innerTlsUs, wrapped },
        `Tunnel to ${device} open`,
      )
      onChange?.()
    } catch (error) {
      const fault = asFault(error)
      this.totals.failedBy.add(fault.code)
      o.onEdgeLost(pipe.edge.id, fault)
      log.warn(
        { event: 'tunnel.failed', ...about, code: fault.code, hop: fault.hop, seen: fault.seen },
        `Tunnel for session ${session} failed: ${fault.message}`,
      )
    } finally {
      this.#pending--
    }
  }

  /** No new tunnels, no new streams in those there are. */
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
