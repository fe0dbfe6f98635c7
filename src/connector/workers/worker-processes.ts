import type { Fault } from '../../base/faults.ts'
import { sumOfHeld } from '../../base/shares.ts'
import { WorkerEnds } from '../../base/worker-ends.ts'
import type { Services } from '../tunnels/services.ts'
import type { SharedPools } from './worker-messages.ts'
import { WorkerProcess, type WorkerReport } from './worker-process.ts'

const TICK_MS = 1000

export interface WorkerProcessesOptions {
  readonly count: number
  /** What each of them runs. */
  readonly entry: string
  readonly main: Services
}

/** The processes that carry the tunnels of a connector, and what they hold together. */
export class WorkerProcesses implements Disposable {
  readonly all: readonly WorkerProcess[]
  readonly ends = new WorkerEnds()
  readonly #main: Services
  #timer: NodeJS.Timeout | undefined

  constructor({ count, entry, main }: WorkerProcessesOptions) {
    this.#main = main
    const onEnded = (fault: Fault) => this.ends.add(fault)
    this.all = Array.from({ length: count }, (_, at) => {
      return new WorkerProcess({ name: `${at + 1}`, of: count, entry, main, onEnded })
    })
  }

  /** Once. */
  start(): void {
    if (this.#timer !== undefined) return
    this.#main.authority.known.onTaken = () => {
      for (const worker of this.all) worker.tellKeys()
    }
    for (const worker of this.all) worker.start()
    this.#main.workerPids = () => this.all.flatMap(({ report: { pid } }) => pid ?? [])
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  get reports(): WorkerReport[] {
    return this.all.map(({ report }) => report)
  }

  #tick(): void {
    for (const worker of this.all) {
      const others = this.all.filter((one) => one !== worker).map(({ held }) => held)
      const sum = (name: keyof SharedPools) => sumOfHeld(others.map((held) => held[name]))
      worker.tick({ sessions: sum('sessions'), dials: sum('dials'), udpPorts: sum('udpPorts') })
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#main.authority.known.onTaken = undefined
  }
}
