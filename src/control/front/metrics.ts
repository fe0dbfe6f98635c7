import { Counter, Gauge, Registry } from 'prom-client'
import type { FaultCode } from '../../base/faults.ts'

export interface FrontGauges {
  readonly connections: () => number
  readonly attached: () => number
  readonly relayed: () => number
}

/** Counters of the front. Labels are fault codes: a closed list, whatever peers send. */
export class FrontMetrics {
  readonly #refused = new Map<FaultCode, number>()
  readonly #refusedTotal: Counter<'code'>

  constructor(gauges: FrontGauges, registry = new Registry()) {
    const registers = [registry]
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read())
        },
      })
    gauge('backstitch_control_peers', 'Connections that edges pass on and that end here', gauges.connections)
    gauge('backstitch_control_connections', 'Control connections of agents', gauges.attached)
    gauge('backstitch_control_relays', 'Connections taken from remote edges', gauges.relayed)
    this.#refusedTotal = new Counter({
      name: 'backstitch_control_refused_total',
      help: 'Connections and requests refused by the front of the control plane, by fault code',
      labelNames: ['code'],
      registers,
    })
  }

  get refusedByCode(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#refused)
  }

  refused(code: FaultCode): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1)
    this.#refusedTotal.inc({ code })
  }
}
