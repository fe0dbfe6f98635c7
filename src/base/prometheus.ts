import { Counter, Gauge, type Registry } from 'prom-client'
import type { FaultCode } from './faults.ts'

/** A figure that is read when metrics are asked for. */
export function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}

/** What was refused, by fault code: a closed list, whatever peers send. */
export class RefusedCounter {
  readonly #byCode = new Map<FaultCode, number>()
  readonly #total: Counter<'code'>

  constructor(registry: Registry, name: string, help: string) {
    this.#total = new Counter({ name, help, labelNames: ['code'], registers: [registry] })
  }

  get byCode(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#byCode)
  }

  add(code: FaultCode): void {
    this.#byCode.set(code, (this.#byCode.get(code) ?? 0) + 1)
    this.#total.inc({ code })
  }
}
