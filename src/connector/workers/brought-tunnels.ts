import type { Fault } from '../../base/faults.ts'
import type { TunnelTicket, TunnelWay } from '../tunnels/served-tunnels.ts'

interface BroughtTunnel {
  readonly ticket: TunnelTicket
  readonly way: TunnelWay
  readonly brought: (fault: Fault | undefined) => void
  readonly closed: () => void
}

/** Tunnels that another process was told to bring, by the number of the order. */
export class BroughtTunnels {
  readonly #open = new Map<number, BroughtTunnel>()

  get count(): number {
    return this.#open.size
  }

  get(id: number): BroughtTunnel | undefined {
    return this.#open.get(id)
  }

  /** As TunnelWorker.bring. */
  add(id: number, ticket: TunnelTicket, way: TunnelWay, closed: () => void): Promise<Fault | undefined> {
    const { promise, resolve } = Promise.withResolvers<Fault | undefined>()
    this.#open.set(id, { ticket, way, brought: resolve, closed })
    return promise
  }

  brought(id: number, fault: Fault | undefined): void {
    this.#open.get(id)?.brought(fault)
    if (fault !== undefined) this.#close(id)
  }

  closed(id: number): void {
    const tunnel = this.#open.get(id)
    this.#close(id)
    tunnel?.brought(undefined) // it stood, if only for a moment
  }

  #close(id: number): void {
    this.#open.get(id)?.closed()
    this.#open.delete(id)
  }

  /** Their process has ended. */
  lost(fault: Fault): void {
    for (const id of this.#open.keys()) this.brought(id, fault)
  }
}
