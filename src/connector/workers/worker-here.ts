import type { Fault, FaultCode } from '../../base/faults.ts'
import { ServedTunnels, type TunnelTicket, type TunnelWay } from '../tunnels/served-tunnels.ts'
import type { Services } from '../tunnels/services.ts'
import { WorkerServices } from '../tunnels/worker-services.ts'
import type { TunnelWorker } from './tunnel-worker.ts'

/** The tunnels of a connector of one process. */
export class WorkerHere implements TunnelWorker {
  readonly #main: Services
  readonly #services: WorkerServices
  readonly #tunnels: ServedTunnels

  constructor(main: Services) {
    const { clock, log, authority, resolver, ledger } = main
    this.#main = main
    this.#services = new WorkerServices({ clock, log, authority, resolver, witness: ledger })
    this.#tunnels = new ServedTunnels(this.#services)
  }

  /** Nobody has to choose. */
  get load() {
    return { isWell: true, hasBegun: true, bytesPerSecond: 0, sessions: this.#services.active.count }
  }

  bring(ticket: TunnelTicket, way: TunnelWay, closed: () => void): Promise<Fault | undefined> {
    return this.#tunnels.bring(ticket, { ...way, rawPhase: this.#main.rawPhase }, closed)
  }

  async revoke(grants: readonly string[], detail: string): Promise<number> {
    return this.#services.active.cut(grants, detail)
  }

  async drain(): Promise<void> {
    this.#tunnels.drain()
  }

  async close(code: FaultCode, detail: string): Promise<void> {
    await this.#tunnels.close(code, detail)
    this.#services[Symbol.dispose]()
  }
}
