import { Counter, Histogram, type Registry } from 'prom-client'
import type { FaultCode } from '../base/faults.ts'
import { addGauge, RefusedCounter } from '../base/prometheus.ts'
import type { ArrivalKind } from '../link/accept/arrival.ts'
import type { StitchEnd } from '../link/pipe/stitch.ts'
import type { HalfMode } from '../wire/handover.ts'

export interface EdgeGauges {
  readonly connections: () => number
  readonly handshakes: () => number
  readonly waiting: () => number
  readonly pipes: () => number
  readonly relayed: () => number
}

/** What becomes of halves and pipes is told there. */
export interface PipeCounts {
  readonly refused: { add(code: FaultCode): void }
  halfArrived(mode: HalfMode): void
  pipeJoined(): void
  pipeEnded(end: Pick<StitchEnd, 'bytesAB' | 'bytesBA' | 'reason'>): void
}

/** Counters of one edge. Labels are fault codes and kinds: a closed list, whatever peers send. */
export class EdgeMetrics implements PipeCounts {
  /** Connections and halves. */
  readonly refused: RefusedCounter
  readonly #handshakes: Histogram<'kind'>
  readonly #halves: Counter<'mode'>
  readonly #pipes: Counter
  readonly #pipesEnded: Counter<'reason'>
  readonly #bytes: Counter<'direction'>

  constructor(registry: Registry, gauges: EdgeGauges) {
    const registers = [registry]
    const gauge = addGauge.bind(undefined, registry)
    gauge('backstitch_edge_connections', 'Open TCP connections', gauges.connections)
    gauge(
      'backstitch_edge_handshakes_unfinished',
      'Connections with an incomplete handshake',
      gauges.handshakes,
    )
    gauge('backstitch_edge_pipes', 'Pipes joined now', gauges.pipes)
    gauge('backstitch_edge_pipes_waiting', 'Pipes waiting for their other half', gauges.waiting)
    gauge('backstitch_edge_relays', 'Connections passed on to the control plane', gauges.relayed)
    this.refused = new RefusedCounter(
      registry,
      'backstitch_edge_refused_total',
      'Connections and halves refused, by fault code',
    )
    this.#handshakes = new Histogram({
      name: 'backstitch_edge_handshake_seconds',
      help: 'Accept to the end of the handshake (for a pipe: to its ACK)',
      labelNames: ['kind'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    })
    this.#halves = new Counter({
      name: 'backstitch_edge_halves_total',
      help: 'Halves of pipes handed over: raw, or wrapped where a middlebox drops raw connections',
      labelNames: ['mode'],
      registers,
    })
    this.#pipes = new Counter({ name: 'backstitch_edge_pipes_total', help: 'Pipes joined', registers })
    this.#pipesEnded = new Counter({
      name: 'backstitch_edge_pipes_ended_total',
      help: 'Pipes ended, by how',
      labelNames: ['reason'],
      registers,
    })
    this.#bytes = new Counter({
      name: 'backstitch_edge_pipe_bytes_total',
      help: 'Bytes carried by pipes that have ended: up is client to connector',
      labelNames: ['direction'],
      registers,
    })
  }

  handshakeDone(kind: ArrivalKind, tookMs: number): void {
    this.#handshakes.observe({ kind }, tookMs / 1000)
  }

  halfArrived(mode: HalfMode): void {
    this.#halves.inc({ mode })
  }

  pipeJoined(): void {
    this.#pipes.inc()
  }

  pipeEnded({ bytesAB, bytesBA, reason }: Pick<StitchEnd, 'bytesAB' | 'bytesBA' | 'reason'>): void {
    this.#pipesEnded.inc({ reason })
    this.#bytes.inc({ direction: 'up' }, bytesAB)
    this.#bytes.inc({ direction: 'down' }, bytesBA)
  }
}
