/**
 * The tunnels of this connector: each ticket from control becomes a half at an edge, a TLS session with the client
 * behind it, and a mux whose streams are served.
 *
 * So many are brought at once; a device has a share of that, and what is over it waits. A device that asks for pipes and
 * never comes fills its own share, and nobody else's.
 *
 * @module
 */
import { asFault, Fault, type FaultCode } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { Turns } from '../../base/turns.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import type { RawPhase } from '../../link/pipe/raw-phase.ts'
import { bringTunnelEnd } from '../../link/pipe/tunnel-end.ts'
import { Mux } from '../../mux/mux.ts'
import type { PipeTicket } from '../../wire/control.ts'
import { TunnelTotals } from '../sessions/connector-session-totals.ts'
import type { ConnectorShares } from './shares.ts'
import { type StreamServices, TunnelStreams } from './streams.ts'

/** Tickets that wait: of all, and of one device. A ticket is a few hundred bytes. */
const MAX_WAITING = 16_384
const MAX_WAITING_OF_DEVICE = 256
/** The other half waits ten seconds at the edge: what has waited longer than this comes too late. */
const MAX_WAIT_MS = 8000

/** How a half is brought to an edge. */
export interface TunnelWay {
  readonly egress: Egress
  readonly credentials: Credentials
  /** The half could not be brought to this edge. */
  readonly onEdgeLost: (edge: string, fault: Fault) => void
}

export interface ServedTunnelsOptions {
  readonly services: StreamServices
  readonly rawPhase: RawPhase
  readonly log: Log
  /** Called when a tunnel came or went. */
  readonly onChange?: () => void
}

interface WaitingTicket {
  readonly pipe: PipeTicket
  readonly session: string
  readonly device: string
  readonly way: TunnelWay
  readonly atMs: number
}

export class ServedTunnels {
  readonly totals = new TunnelTotals()
  readonly #options: ServedTunnelsOptions
  readonly #open = new Set<Mux>()
  readonly #waiting = new Turns<WaitingTicket>()
  readonly #stop = new AbortController()
  #draining = false

  constructor(options: ServedTunnelsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#open.size
  }

  /** Brings this connector's half of `pipe`, at its turn, and serves what comes through it. */
  bring(pipe: PipeTicket, session: string, way: TunnelWay): void {
    const device = pipe.peer.slice(pipe.peer.lastIndexOf('/') + 1)
    const ticket = { pipe, session, device, way, atMs: performance.now() }
    const isFull =
      this.#waiting.size >= MAX_WAITING || this.#waiting.waitingOf(device) >= MAX_WAITING_OF_DEVICE
    if (this.#draining) this.#refuse(ticket, new Fault('CONNECTOR_DRAINING', 'it accepts no new tunnels'))
    else if (isFull) this.#refuse(ticket, this.#options.services.shares.bringing.refusal(device))
    else {
      this.#waiting.add(device, ticket)
      this.#next()
    }
  }

  #next(): void {
    const { bringing } = this.#options.services.shares
    for (;;) {
      const ticket = this.#waiting.next((device) => bringing.mayTake(device))
      if (ticket === undefined) return
      const { device } = ticket
      const waitedMs = performance.now() - ticket.atMs
      if (waitedMs > MAX_WAIT_MS) {
        const detail = `it waited ${Math.round(waitedMs)} ms for its turn: the other half is gone by now`
        this.#refuse(ticket, new Fault('PAIR_TIMEOUT', detail, { hop: 'connector' }))
        continue
      }
      bringing.take(device)
      void this.#bring(ticket).finally(() => {
        bringing.give(device)
        this.#next()
      })
    }
  }

  #refuse(ticket: WaitingTicket, { code, hop, seen, message }: Fault): void {
    this.totals.failedBy.add(code)
    const about = aboutOf(ticket)
    this.#options.log.warn(
      { event: 'tunnel.refused', ...about, code, hop, seen },
      `Ticket not followed: ${message}`,
    )
  }

  /** Never rejects. */
  async #bring(ticket: WaitingTicket): Promise<void> {
    const { log, services, rawPhase, onChange } = this.#options
    const { pipe, session, device } = ticket
    const { egress, credentials, onEdgeLost } = ticket.way
    const about = aboutOf(ticket)
    let letGo = () => {}
    try {
      letGo = holdTunnel(services.shares, device)
      const { signal } = this.#stop
      const way = { egress, credentials, rawPhase, signal }
      const { socket, handoverUs, innerTlsUs, peer, wrapped } = await bringTunnelEnd('connector', pipe, way)
      const { tenant, id: connector } = credentials.identity
      const facts = {
        connector,
        device: peer.identity.id,
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
          letGo()
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
      letGo()
      const fault = asFault(error)
      this.totals.failedBy.add(fault.code)
      onEdgeLost(pipe.edge.id, fault)
      log.warn(
        { event: 'tunnel.failed', ...about, code: fault.code, hop: fault.hop, seen: fault.seen },
        `Tunnel for session ${session} failed: ${fault.message}`,
      )
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
    this.#waiting.clear()
    this.#stop.abort(new Error(detail))
    for (const mux of this.#open) mux.close(code, detail)
    await Promise.all([...this.#open].map((mux) => mux[Symbol.asyncDispose]()))
  }
}

function aboutOf({ pipe, session, device }: WaitingTicket) {
  return { pipe: pipe.pipe, session, edge: pipe.edge.id, peer: pipe.peer, device }
}

/** @throws {Fault} the device has as many tunnels as it may, or no session is left for it. */
function holdTunnel({ tunnels, sessions }: ConnectorShares, device: string): () => void {
  tunnels.take(device)
  try {
    sessions.take(device)
  } catch (fault) {
    tunnels.give(device)
    throw fault
  }
  return () => {
    tunnels.give(device)
    sessions.give(device)
  }
}
