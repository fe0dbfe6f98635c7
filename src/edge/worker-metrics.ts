import { Counter, Gauge, type Registry } from 'prom-client'
import type { EdgeWorkerFigures } from './worker-process.ts'

/** What each worker does. All other figures of an edge are sums. */
export function addWorkerMetrics(registry: Registry, read: () => readonly EdgeWorkerFigures[]): void {
  const registers = [registry]
  const labelNames = ['worker'] as const
  new Gauge({
    name: 'backstitch_edge_worker_pipes',
    help: 'Pipes joined now, by worker',
    ...{ labelNames, registers },
    collect() {
      for (const { worker, pipes } of read()) this.set({ worker }, pipes)
    },
  })
  const counter = (name: string, help: string, of: (figures: EdgeWorkerFigures) => number) =>
    new Counter({
      ...{ name, help, labelNames, registers },
      collect() {
        this.reset()
        for (const figures of read()) this.inc({ worker: figures.worker }, of(figures))
      },
    })
  counter('backstitch_edge_worker_cpu_seconds_total', 'Processor time, by worker', (one) => one.cpuSeconds)
  counter('backstitch_edge_worker_restarts_total', 'Unexpected ends of a worker', (one) => one.restarts)
}
