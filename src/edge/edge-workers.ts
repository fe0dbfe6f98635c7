import type net from 'node:net'
import type { Registry } from 'prom-client'
import type { Fault } from '../base/faults.ts'
import { WorkerEnds } from '../base/worker-ends.ts'
import type { EdgeStateMessage } from '../wire/control.ts'
import { addWorkerMetrics } from './worker-metrics.ts'
import {
  type EdgeWorkerFigures,
  EdgeWorkerProcess,
  type EdgeWorkerProcessOptions,
  type GivenHalf,
} from './worker-process.ts'

/** For the first time the edge waits for them: a ticket from before the start of a worker is of no use there. */
const READY_MS = 5000

export interface EdgeWorkersOptions extends Omit<EdgeWorkerProcessOptions, 'onEnded'> {
  /** Two at least. */
  readonly count: number
  readonly registry: Registry
}

/**
 * The processes of an edge that carry pipes, one for each processor. The edge itself accepts, counts and reads the
 * ClientHello; a half that names a shard goes on to the worker of that shard, and so do all that name the same.
 */
export class EdgeWorkers implements AsyncDisposable {
  readonly ends = new WorkerEnds()
  readonly #all: readonly EdgeWorkerProcess[]

  /** They start at once. */
  constructor(options: EdgeWorkersOptions) {
    const each = { ...options, onEnded: (fault: Fault) => this.ends.add(fault) }
    this.#all = Array.from({ length: options.count }, (_, at) => new EdgeWorkerProcess(at + 1, each))
    addWorkerMetrics(options.registry, () => this.figures)
  }

  get figures(): EdgeWorkerFigures[] {
    return this.#all.map(({ figures }) => figures)
  }

  get pipes(): number {
    return this.figures.reduce((sum, { pipes }) => sum + pipes, 0)
  }

  get waiting(): number {
    return this.figures.reduce((sum, { waiting }) => sum + waiting, 0)
  }

  /** Resolves when each has been ready once, or after some seconds: the others refuse until they are. */
  async ready(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, READY_MS)
    await Promise.race([late, Promise.all(this.#all.map(({ ready }) => ready.promise))])
    clearTimeout(timer)
  }

  /** Takes over what it is given. @throws {Fault} EDGE_BUSY. */
  give(socket: net.Socket, half: GivenHalf): void {
    this.#all[half.shard % this.#all.length]!.give(socket, half)
  }

  /** Who is shut out from now on. @returns how many pipes and waiting halves were cut. */
  shutOut(state: EdgeStateMessage): Promise<number> {
    return sum(this.#all.map((worker) => worker.shutOut(state)))
  }

  /** All there is. @returns how many pipes and waiting halves. */
  cut(): Promise<number> {
    return sum(this.#all.map((worker) => worker.cut()))
  }

  /** They take no new pipes. Resolves when none is left. */
  async drained(): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker.drained()))
  }

  renew(): void {
    for (const worker of this.#all) worker.renew()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker[Symbol.asyncDispose]()))
  }
}

async function sum(counts: Promise<number>[]): Promise<number> {
  return (await Promise.all(counts)).reduce((all, count) => all + count, 0)
}
