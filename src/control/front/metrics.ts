import { Registry } from 'prom-client'
import { addGauge, RefusedCounter } from '../../base/prometheus.ts'

export interface FrontGauges {
  readonly connections: () => number
  readonly attached: () => number
  readonly relayed: () => number
}

/** Figures of the front. @returns Counts what it refuses. */
export function frontMetrics(gauges: FrontGauges, registry = new Registry()): RefusedCounter {
  const gauge = addGauge.bind(undefined, registry)
  gauge('backstitch_control_peers', 'Connections passed on by edges and terminated here', gauges.connections)
  gauge('backstitch_control_connections', 'Control connections of agents', gauges.attached)
  gauge('backstitch_control_relays', 'Connections accepted from remote edges', gauges.relayed)
  return new RefusedCounter(
    registry,
    'backstitch_control_refused_total',
    'Connections and requests refused by the front of the control plane, by fault code',
  )
}
